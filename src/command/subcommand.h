/* subcommand.h - moved to kv/subcommand.h, because data commands have subcommands too. */
#ifndef RAKIT_COMMAND_SUBCOMMAND_H
#define RAKIT_COMMAND_SUBCOMMAND_H

#include "kv/subcommand.h"

#endif /* RAKIT_COMMAND_SUBCOMMAND_H */
