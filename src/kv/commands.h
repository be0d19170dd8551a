/* commands.h - the handlers of the data commands, for the table of all commands.
 * Behind each stands its row: arity as Redis counts it, flags, and the first key,
 * the last key and the step between keys. The caller has checked the arity; a command
 * with further conditions on its arguments has a check. */
#ifndef RAKIT_KV_COMMANDS_H
#define RAKIT_KV_COMMANDS_H

#include "kv/command.h"

extern const struct command kv_commands[]; /* Their rows, up to a nameless one. */

/* --- string.c and range.c --------------------------------------------------------- */

/* GET      2  READ | FAST              1 1 1   key */
command_handler kv_command_get;
/* SET     -3  WRITE | DENY_OOM         1 1 1   key value [NX | XX] [GET] */
command_handler kv_command_set;
command_check kv_check_set;
/* SETNX    3  WRITE | DENY_OOM | FAST  1 1 1   key value */
command_handler kv_command_setnx;
/* GETSET   3  WRITE | DENY_OOM | FAST  1 1 1   key value */
command_handler kv_command_getset;
/* GETDEL   2  WRITE | FAST             1 1 1   key */
command_handler kv_command_getdel;
/* MGET    -2  READ | FAST              1 -1 1  key [key ...] */
command_handler kv_command_mget;
/* MSET    -3  WRITE | DENY_OOM         1 -1 2  key value [key value ...] */
command_handler kv_command_mset;
command_check kv_check_mset;
/* MSETNX  -3  WRITE | DENY_OOM         1 -1 2  key value [key value ...] */
command_handler kv_command_msetnx;
command_check kv_check_msetnx;
/* STRLEN   2  READ | FAST              1 1 1   key
 * STRLN    2  READ | FAST              1 1 1   key   (the same) */
command_handler kv_command_strlen;
/* APPEND   3  WRITE | DENY_OOM | FAST  1 1 1   key value */
command_handler kv_command_append;
/* GETRANGE 4  READ                     1 1 1   key start end
 * SUBSTR   4  READ | HIDDEN            1 1 1   key start end   (the same) */
command_handler kv_command_getrange;
command_check kv_check_getrange;
/* SETRANGE 4  WRITE | DENY_OOM         1 1 1   key offset value */
command_handler kv_command_setrange;
command_check kv_check_setrange;

/* --- number.c --------------------------------------------------------------------- */

/* INCR     2  WRITE | DENY_OOM | FAST  1 1 1   key */
command_handler kv_command_incr;
/* DECR     2  WRITE | DENY_OOM | FAST  1 1 1   key */
command_handler kv_command_decr;
/* INCRBY   3  WRITE | DENY_OOM | FAST  1 1 1   key increment */
command_handler kv_command_incrby;
command_check kv_check_incrby;
/* DECRBY   3  WRITE | DENY_OOM | FAST  1 1 1   key decrement */
command_handler kv_command_decrby;
command_check kv_check_decrby;

/* --- generic.c -------------------------------------------------------------------- */

/* DEL     -2  WRITE                    1 -1 1  key [key ...]
 * UNLINK  -2  WRITE | FAST             1 -1 1  key [key ...]   (the same) */
command_handler kv_command_del;
/* EXISTS  -2  READ | FAST              1 -1 1  key [key ...]
 * TOUCH   -2  READ | FAST              1 -1 1  key [key ...]   (the same) */
command_handler kv_command_exists;
/* TYPE     2  READ | FAST              1 1 1   key */
command_handler kv_command_type;
/* DBSIZE   1  READ | FAST              0 0 0   */
command_handler kv_command_dbsize;
/* FLUSHALL -1 WRITE                    0 0 0   [ASYNC | SYNC]
 * FLUSHDB  -1 WRITE                    0 0 0   [ASYNC | SYNC] */
command_handler kv_command_flushall;
command_handler kv_command_flushdb;
command_check kv_check_flushall; /* Of both. */

/* --- databases.c ------------------------------------------------------------------ */

/* MOVE     3  WRITE | FAST             1 1 1   key db */
command_handler kv_command_move;
command_check kv_check_move;
/* SWAPDB   3  WRITE | FAST             0 0 0   index1 index2 */
command_handler kv_command_swapdb;
command_check kv_check_swapdb;

/* Reads argument `index` as the number of a database, or replies that it is none. */
bool kv_read_database(struct command_call *call, uint32_t index, uint32_t *ret_database);

/* --- scan.c ----------------------------------------------------------------------- */

/* RANDOMKEY 1 READ                     0 0 0   */
command_handler kv_command_randomkey;
/* KEYS     2  READ                     0 0 0   pattern */
command_handler kv_command_keys;
/* SCAN    -2  READ                     0 0 0   cursor [MATCH pattern] [COUNT count]
 *                                              [TYPE type] */
command_handler kv_command_scan;
command_check kv_check_scan;

#endif /* RAKIT_KV_COMMANDS_H */
