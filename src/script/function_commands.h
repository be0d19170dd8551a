/* function_commands.h - FCALL and FUNCTION. */
#ifndef RAKIT_SCRIPT_FUNCTION_COMMANDS_H
#define RAKIT_SCRIPT_FUNCTION_COMMANDS_H

#include "kv/command.h"

/* Ends with a nameless row. */
extern const struct command function_commands[];

enum { FUNCTION_LOAD_WORK = 32 }; /* For each byte of source, see command_call.work. */

/* FUNCTION DUMP, RESTORE (script/function_dump.c). */
void function_dump(struct command_call *call);
void function_restore(struct command_call *call);
bool function_check_restore(struct command_call *call);
/* Replies that there are too many arguments. */
bool function_refuse_count(struct command_call *call);

#endif /* RAKIT_SCRIPT_FUNCTION_COMMANDS_H */
