/* errors.h - every error that a client may see: its first word, which is its code, and its text.
 * docs/OPERATIONS.md, "Errors that clients see", explains each code. Texts that Redis has as
 * well are the same here. Those with a % are formats for resp_errorf(). */
#ifndef RAKIT_RESP_ERRORS_H
#define RAKIT_RESP_ERRORS_H

/* clang-format off */

/* --- How they begin, for a node that reads another one's answer ----------------------- */

#define ERROR_CODE_REMOVED "REMOVED"
#define ERROR_CODE_UNREACHED "UNREACHED"
#define ERROR_CODE_IN_DOUBT "INDOUBT"
#define ERROR_CODE_CLUSTER_DOWN "CLUSTERDOWN"
#define ERROR_CODE_TRY_AGAIN "TRYAGAIN"
#define ERROR_CODE_LOADING "LOADING"
#define ERROR_CODE_UNKNOWN_COMMAND "ERR unknown command"

/* --- What a client has written wrongly: nothing was executed ------------------------------- */

#define ERROR_SYNTAX "ERR syntax error"
#define ERROR_NOT_AN_INTEGER "ERR value is not an integer or out of range"
#define ERROR_ARITY "ERR wrong number of arguments for '%s' command"
#define ERROR_ARITY_OF_SUBCOMMAND "ERR wrong number of arguments for '%s|%s' command"
#define ERROR_ARITY_OF_PING "ERR wrong number of arguments for 'ping' command"
#define ERROR_UNKNOWN_COMMAND "ERR unknown command '%.*s', with args beginning with: %s"
#define ERROR_UNKNOWN_SUBCOMMAND "ERR unknown subcommand '%.*s'. Try %s HELP."
#define ERROR_LEVEL "ERR '%s' needs feature level %u, and the cluster has %u: upgrade all nodes%s%s"
#define ERROR_NO_DATABASE "ERR DB index is out of range"
#define ERROR_VALUE_TOO_LARGE "ERR a key or value is larger than 512 MB"
#define ERROR_STRING_TOO_LONG "ERR string exceeds maximum allowed size (proto-max-bulk-len)"
#define ERROR_MANY_ARGUMENTS \
    "ERR not executed: a command with more than 131072 arguments would hold up everybody; " \
    "split it"
#define ERROR_MANY_LOCAL_ARGUMENTS \
    "ERR not executed: this command with more than 1024 arguments would hold up everybody; " \
    "split it"
#define ERROR_REPLY_TOO_LARGE "ERR the reply would be larger than %llu bytes: %s"

/* --- Data commands ------------------------------------------------------------------------- */

#define ERROR_WRONG_TYPE "WRONGTYPE Operation against a key holding the wrong kind of value"
#define ERROR_NOT_AN_INT "ERR value is out of range, value must between -2147483648 and 2147483647"
#define ERROR_NO_SUCH_KEY "ERR no such key"
#define ERROR_LARGE_VALUE \
    "ERR the value is larger than %d bytes, and this command would hold up everybody: read and " \
    "write it in parts, by GETRANGE and APPEND"
#define ERROR_NOT_A_FLOAT "ERR value is not a valid float"
#define ERROR_NAN_OR_INFINITY "ERR increment would produce NaN or Infinity"
#define ERROR_BOUNDS "ERR LBOUND is greater than UBOUND"
#define ERROR_ENX "ERR ENX flag requires an expiration"
#define ERROR_NUMKEYS "ERR invalid numkeys value"
#define ERROR_KEY_VALUE_PAIRS "ERR wrong number of key-value pairs"
#define ERROR_DIGEST "ERR must be exactly 16 hexadecimal characters"
#define ERROR_CONDITION "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE"
#define ERROR_BUSY_KEY "BUSYKEY Target key name already exists."
#define ERROR_RESTORE_TTL "ERR Invalid TTL value, must be >= 0"
#define ERROR_RESTORE_IDLETIME "ERR Invalid IDLETIME value, must be >= 0"
#define ERROR_RESTORE_FREQ "ERR Invalid FREQ value, must be >= 0 and <= 255"
#define ERROR_DUMP_FOOTER "ERR DUMP payload version or checksum are wrong"
#define ERROR_DUMP_FORMAT "ERR Bad data format"
#define ERROR_NO_FREQUENCY "ERR the uses of keys are not counted"
#define ERROR_LCS_BOTH "ERR If you want both the length and indexes, please just use IDX."
#define ERROR_LCS_TYPE "ERR The specified keys must contain string values"
#define ERROR_LCS_LONG \
    "ERR LCS would hold up everybody: the product of the two lengths may be at most %d"
#define ERROR_SAME_OBJECT "ERR source and destination objects are the same"
#define ERROR_FIRST_DATABASE "ERR invalid first DB index"
#define ERROR_SECOND_DATABASE "ERR invalid second DB index"
#define ERROR_OVERFLOW "ERR increment or decrement would overflow"
#define ERROR_DECREMENT_OVERFLOW "ERR decrement would overflow"
#define ERROR_OFFSET "ERR offset is out of range"
#define ERROR_BIT_OFFSET "ERR bit offset is not an integer or out of range"
#define ERROR_BIT "ERR bit is not an integer or out of range"
#define ERROR_FLOAT_NOT_FINITE "ERR value is NaN or Infinity"
#define ERROR_OUT_OF_RANGE "ERR value is out of range"
#define ERROR_FIELD_NOT_AN_INTEGER "ERR hash value is not an integer"
#define ERROR_FIELD_NOT_A_FLOAT "ERR hash value is not a float"
#define ERROR_FIELD_TOO_LARGE \
    "ERR a field of a hash, with its value, is larger than %d bytes: give a value of that size a " \
    "key of its own"
#define ERROR_HASH_TOO_LARGE \
    "ERR the hash would have more than %d fields, or more than 512 MB: divide it over several keys"
#define ERROR_RANDOM_COUNT \
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
#define ERROR_MANY_RANDOM_FIELDS "ERR HRANDFIELD returns %d fields at most: ask for fewer at once"
#define ERROR_EXPIRE_NEGATIVE "ERR invalid expire time, must be >= 0"
#define ERROR_NO_FIELDS "ERR Mandatory argument FIELDS is missing or not at the right position"
#define ERROR_NUMFIELDS "ERR Parameter `numFields` should be greater than 0"
#define ERROR_NUMBER_OF_FIELDS "ERR Number of fields must be a positive integer"
#define ERROR_NUMFIELDS_DIFFERS "ERR The `numfields` parameter must match the number of arguments"
#define ERROR_PATTERN_TOO_LONG \
    "ERR the pattern takes too long to compare with the keys that are there: use a shorter " \
    "one, with fewer stars, or SCAN with a smaller COUNT"
#define ERROR_MANY_KEYS \
    "ERR there are more than %d keys, and KEYS would hold up everybody: SCAN gives them in " \
    "steps"
#define ERROR_CURSOR "ERR invalid cursor"
#define ERROR_EXPIRE_TIME "ERR invalid expire time in '%s' command"
#define ERROR_UNSUPPORTED_OPTION "ERR Unsupported option %.*s"
#define ERROR_NX_WITH_OTHERS \
    "ERR NX and XX, GT or LT options at the same time are not compatible"
#define ERROR_GT_WITH_LT "ERR GT and LT options at the same time are not compatible"

/* --- Commands within others ---------------------------------------------------------------- */

#define ERROR_UNKNOWN_INNER "ERR Unknown Redis command called from script"
#define ERROR_NOT_INNER "ERR This Redis command is not allowed from script"
#define ERROR_WRITE_AS_READ "ERR Write commands are not allowed from read-only scripts."

/* --- Scripts -------------------------------------------------------------------------------- */

#define ERROR_NO_SCRIPT "NOSCRIPT No matching script. Please use EVAL."
#define ERROR_NOT_BUSY "NOTBUSY No scripts in execution right now."
#define ERROR_SCRIPT_COMPILE "ERR Error compiling script (new function): %s"
#define ERROR_SCRIPT_RAISED "ERR %s"
#define ERROR_SCRIPT_RAISED_VALUE "ERR user_script: the error is a %s value"
#define ERROR_SCRIPT_RAISED_TABLE "ERR unknown error"
#define ERROR_SCRIPT_MANY_KEYS "ERR Number of keys can't be greater than number of args"
#define ERROR_SCRIPT_NEGATIVE_KEYS "ERR Number of keys can't be negative"
#define ERROR_SCRIPT_TOO_LARGE "ERR a script is larger than 512 kB"
#define ERROR_SCRIPTS_FULL \
    "ERR not stored: there are too many scripts already. SCRIPT FLUSH forgets them"
#define ERROR_SCRIPT_FLUSH "ERR SCRIPT FLUSH only support SYNC|ASYNC option"
#define ERROR_SCRIPT_STEPS \
    "ERR the script took too many steps and was ended, on all nodes at the same one; what it has " \
    "written before stays. Let it do its work in several calls"
#define ERROR_SCRIPT_MEMORY \
    "ERR the script took too much memory and was ended, on all nodes at the same place; what it " \
    "has written before stays"
#define ERROR_SCRIPT_GROWTH \
    "OOM the script would enlarge the data by more than 1 MB and four times its arguments"
#define ERROR_SCRIPT_DEPTH "ERR reached lua stack limit"
#define ERROR_SCRIPT_REPLY "ERR the reply of the script would be larger than %d bytes"
#define ERROR_SCRIPT_WRITES "ERR Can not execute a script with write flag using *_ro command."
#define ERROR_SCRIPT_NO_ARGUMENTS "ERR Please specify at least one argument for this redis lib call"
#define ERROR_SCRIPT_ARGUMENTS "ERR Lua redis lib command arguments must be strings or integers"
#define ERROR_SCRIPT_ARITY "ERR Wrong number of args calling Redis command from script"
#define ERROR_SCRIPT_TYPES "ERR wrong number or type of arguments"
#define ERROR_SCRIPT_COUNT "ERR wrong number of arguments"
#define ERROR_SCRIPT_LOG_COUNT "ERR redis.log() requires two arguments or more."
#define ERROR_SCRIPT_LOG_LEVEL "ERR First argument must be a number (log level)."
#define ERROR_SCRIPT_LOG_RANGE "ERR Invalid log level."
#define ERROR_SCRIPT_RESP_COUNT "ERR redis.setresp() requires one argument."
#define ERROR_SCRIPT_CHECKED "ERR Invalid command passed to redis.acl_check_cmd()"
#define ERROR_SCRIPT_RESP "ERR RESP version must be 2 or 3."
#define ERROR_FUNCTION_NOT_FOUND "ERR Function not found"
#define ERROR_FUNCTION_KEYS "ERR Bad number of keys provided"
#define ERROR_FUNCTION_FLUSH "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"
#define ERROR_FUNCTION_COUNT \
    "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try FUNCTION HELP."
#define ERROR_FUNCTION_OPTION "ERR Unknown option given: %.*s"
#define ERROR_FUNCTION_ARGUMENT "ERR Unknown argument %.*s"
#define ERROR_FUNCTION_PATTERN "ERR library name argument was not given"
#define ERROR_FUNCTION_POLICY \
    "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
#define ERROR_FUNCTION_TYPE "ERR given type is not a function"
#define ERROR_FUNCTION_PAYLOAD "ERR Failed loading library payload"
#define ERROR_FUNCTION_PART "ERR Failed loading %s"
#define ERROR_FUNCTIONS_FULL \
    "ERR not stored: all libraries may be %d, and take %d bytes in all. FUNCTION DELETE makes room"
#define ERROR_FUNCTION_STEPS \
    "ERR not restored: the libraries take too many steps to load. Restore them in several parts"
#define ERROR_LIBRARY_METADATA_MISSING "ERR Missing library metadata"
#define ERROR_LIBRARY_METADATA "ERR Invalid library metadata"
#define ERROR_LIBRARY_METADATA_VALUE "ERR Invalid metadata value given: %.*s"
#define ERROR_LIBRARY_NAMES \
    "ERR Invalid metadata value, name argument was given multiple times"
#define ERROR_LIBRARY_NO_NAME "ERR Library name was not given"
#define ERROR_LIBRARY_NAME \
    "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least " \
    "one character long"
#define ERROR_LIBRARY_ENGINE "ERR Engine '%.*s' not found"
#define ERROR_LIBRARY_NOT_FOUND "ERR Library not found"
#define ERROR_LIBRARY_EXISTS "ERR Library '%.*s' already exists"
#define ERROR_LIBRARY_IS_THERE "ERR Library %.*s already exists"
#define ERROR_LIBRARY_FUNCTION_EXISTS "ERR Function %.*s already exists"
#define ERROR_LIBRARY_EMPTY "ERR No functions registered"
#define ERROR_LIBRARY_COMPILE "ERR Error compiling function: %s"
#define ERROR_LIBRARY_LOAD "ERR Error registering functions: %s"
#define ERROR_LIBRARY_STEPS "ERR FUNCTION LOAD timeout"
#define ERROR_REGISTER_LATE \
    "ERR redis.register_function can only be called on FUNCTION LOAD command"
#define ERROR_REGISTER_COUNT "ERR wrong number of arguments to redis.register_function"
#define ERROR_REGISTER_TABLE \
    "ERR calling redis.register_function with a single argument is only applicable to Lua table " \
    "(representing named arguments)."
#define ERROR_REGISTER_NAME "ERR first argument to redis.register_function must be a string"
#define ERROR_REGISTER_FUNCTION "ERR second argument to redis.register_function must be a function"
#define ERROR_REGISTER_KEY "ERR named argument key given to redis.register_function is not a string"
#define ERROR_REGISTER_UNKNOWN "ERR unknown argument given to redis.register_function"
#define ERROR_REGISTER_FUNCTION_NAME \
    "ERR function_name argument given to redis.register_function must be a string"
#define ERROR_REGISTER_DESCRIPTION \
    "ERR description argument given to redis.register_function must be a string"
#define ERROR_REGISTER_CALLBACK \
    "ERR callback argument given to redis.register_function must be a function"
#define ERROR_REGISTER_FLAGS \
    "ERR flags argument to redis.register_function must be a table representing function flags"
#define ERROR_REGISTER_FLAG "ERR unknown flag given"
#define ERROR_REGISTER_NO_NAME "ERR redis.register_function must get a function name argument"
#define ERROR_REGISTER_NO_CALLBACK "ERR redis.register_function must get a callback argument"
#define ERROR_REGISTER_TWICE "ERR Function already exists in the library"
#define ERROR_REGISTER_BYTES \
    "ERR names and descriptions of the functions of a library take more than 256 kB"
#define ERROR_SHEBANG_ENGINE "ERR Unexpected engine in script shebang: %.*s"
#define ERROR_SHEBANG_FLAG "ERR Unexpected flag in script shebang: %.*s"
#define ERROR_SHEBANG_OPTION "ERR Unknown lua shebang option: %.*s"

/* --- Users and rights ------------------------------------------------------------------------ */

#define ERROR_NO_LOGIN "NOAUTH Authentication required."
#define ERROR_KEY_NEEDS_LOGIN \
    "NOAUTH clients need a password here, so the key is not given to all programs on this " \
    "machine: start the node with the key's file, --cluster-key FILE"
#define ERROR_HELLO_WITHOUT_LOGIN \
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO " \
    "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the " \
    "RESP protocol version at the same time"
#define ERROR_RIGHTS_COMMAND "NOPERM %sUser %.*s has no permissions to run the '%s' command"
#define ERROR_RIGHTS_KEY "NOPERM %sNo permissions to access a key"
#define ERROR_RIGHTS_CHANNEL "NOPERM %sNo permissions to access a channel"
#define RIGHTS_IN_SCRIPT "ACL failure in script: "
#define ERROR_USER_IS_GONE "NOPERM the user of this connection has been deleted: log in again"
#define ERROR_USER_IS_NOT_HERE \
    "TRYAGAIN this node has not heard of the user of this connection yet: try again"
#define ERROR_LOGIN_IS_LOADING "LOADING this node does not know its users yet: try again soon"
#define ERROR_USER_NAME "ERR Usernames can't contain spaces or null characters"
#define ERROR_USER_NAME_LONG "ERR the name of a user may have %d bytes at most"
#define ERROR_USER_TOO_LARGE "ERR not done: the rules of a user may have %d bytes at most"
#define ERROR_MANY_USERS "ERR not done: there may be %d users at most"
#define ERROR_DEFAULT_USER_STAYS "ERR The 'default' user cannot be removed"
#define ERROR_USER_NOT_FOUND "ERR User '%.*s' not found"
#define ERROR_COMMAND_NOT_FOUND "ERR Command '%.*s' not found"
#define ERROR_NO_SUCH_CATEGORY "ERR Unknown category '%.*s'"
#define ERROR_ACL_SUBCOMMAND \
    "ERR unknown subcommand or wrong number of arguments for '%s'. Try ACL HELP."
#define ERROR_PASSWORD_BITS \
    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive " \
    "number up to 4096"
#define ERROR_NO_USERS_FILE \
    "ERR This Redis instance is not configured to use an ACL file: users are replicated, and " \
    "stored as soon as ACL SETUSER has replied"
#define ERROR_RULE "ERR Error in ACL SETUSER modifier '%.*s': %s"
#define ERROR_RULE_SECRET "ERR Error in ACL SETUSER: a password can't be part of a selector"
#define ERROR_RULE_UNMATCHED "ERR Unmatched parenthesis in acl selector starting at '%.*s'."

/* Why a word is no rule, as ERROR_RULE shows it. */
#define ERROR_RULE_SYNTAX "Syntax error"
#define ERROR_RULE_COMMAND "Unknown command or category name in ACL"
#define ERROR_RULE_PART "Allowing first-arg of a subcommand is not supported"
#define ERROR_RULE_MANY "there are too many rules: use categories, and patterns with stars"
#define ERROR_RULE_HASH \
    "The password hash must be exactly 64 characters and contain only lowercase hexadecimal " \
    "characters"
#define ERROR_RULE_NO_PASSWORD \
    "The password you are trying to remove from the user does not exist"
#define ERROR_RULE_ALL_KEYS \
    "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have " \
    "any effect. Try 'resetkeys' to start with an empty list of patterns"
#define ERROR_RULE_ALL_CHANNELS \
    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not " \
    "have any effect. Try 'resetchannels' to start with an empty list of channels"

/* --- Transactions -------------------------------------------------------------------------- */

#define ERROR_EXEC_ABORT "EXECABORT Transaction discarded because of previous errors."
#define ERROR_EXEC_ARITY \
    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
#define ERROR_EXEC_WITHOUT_MULTI "ERR EXEC without MULTI"
#define ERROR_DISCARD_WITHOUT_MULTI "ERR DISCARD without MULTI"
#define ERROR_NESTED_MULTI "ERR MULTI calls can not be nested"
#define ERROR_WATCH_IN_MULTI "ERR WATCH inside MULTI is not allowed"
#define ERROR_NOT_IN_MULTI "ERR Command not allowed inside a transaction"
#define ERROR_TRANSACTION_REPLIES \
    "ERR not executed: the replies of this transaction's local commands take too much memory"
#define ERROR_TRANSACTION_TOO_LARGE \
    "ERR not queued: a transaction may have 131072 arguments and 64 MB in all; EXEC will " \
    "execute nothing: send fewer commands in one"
#define ERROR_WATCHED_KEYS \
    "ERR not watched: a connection may watch 1024 keys, of 1 MB in all; UNWATCH, EXEC and " \
    "DISCARD forget them"
#define ERROR_WATCHED_BYTES \
    "ERR not watched: the values that a connection watches may have 16 MB in all; UNWATCH, EXEC " \
    "and DISCARD forget them"
#define ERROR_TRANSACTION_READS \
    "ERR not executed: the commands before it in the transaction have read too much; send fewer " \
    "reads in one"
#define ERROR_TRANSACTION_REPLY \
    "ERR executed, but the replies of one transaction may have 512 MB in all; send fewer " \
    "commands in one"

/* --- Changes of keys ------------------------------------------------------------------------- */

#define ERROR_NO_FEED "ERR this node keeps no changes: it was started with --feed 0"
#define ERROR_NO_STREAM \
    "ERR there are no streams but rakit:changes:<prefix>, the changes of keys with that prefix"
#define ERROR_ONE_STREAM "ERR one stream at a time: open another connection for another prefix"
#define ERROR_UNBALANCED_STREAMS \
    "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
#define ERROR_STREAM_ID "ERR Invalid stream ID specified as stream command argument"
#define ERROR_COMPACTED \
    "COMPACTED changes up to %llu-%u are not kept any more: read the keys with RAFT SCAN, and go " \
    "on from the id that it returns"
#define ERROR_SCAN_TOO_LARGE \
    "ERR too large for one reply: take `applied` of RAFT FEED, read the keys with SCAN, and then " \
    "the changes from that id on"

/* --- ONCE ---------------------------------------------------------------------------------- */

#define ERROR_ONCE_SYNTAX \
    "ERR syntax error, try ONCE <client> <number> [KEEP <seconds>] <command> [<arg> ...], or " \
    "ONCE <client> OPEN"
#define ERROR_ONCE_CLIENT "ERR the client's name must have 1 to 128 bytes"
#define ERROR_ONCE_NUMBER "ERR the number must be an integer of at least 1"
#define ERROR_ONCE_KEEP "ERR KEEP must be 1 to 604800 seconds"
#define ERROR_ONCE_READS "ERR ONCE is for commands that write: send others without it"
#define ERROR_ONCE_REPLY_GONE \
    "EXECUTED this number was executed before, and is not executed again. Its reply was too " \
    "large to be kept"
#define ERROR_ONCE_TOO_OLD \
    "EXPIRED not executed now: the client has sent 64 or more later numbers, so nobody knows " \
    "whether this one was executed before. Read what it would have changed"
#define ERROR_ONCE_UNKNOWN \
    "EXPIRED not executed now: no client of this name is remembered, so nobody knows whether " \
    "this number was executed before. A new client begins with number 1, or with ONCE <client> OPEN"
#define ERROR_ONCE_TOO_MANY \
    "TRYAGAIN too many clients use ONCE to remember one more: the command was not executed"

/* --- The connection: HELLO, AUTH, CLIENT, COMMAND, CONFIG, WAIT ---------------------------- */

#define ERROR_NO_PASSWORD \
    "ERR AUTH <password> called without any password configured for the default user. Are you " \
    "sure your configuration is correct?"
#define ERROR_WRONG_PASSWORD "WRONGPASS invalid username-password pair or user is disabled."
#define ERROR_HELLO_OPTION "ERR Syntax error in HELLO option '%.*s'"
#define ERROR_PROTOCOL_NOT_AN_INTEGER "ERR Protocol version is not an integer or out of range"
#define ERROR_NO_SUCH_PROTOCOL "NOPROTO unsupported protocol version"
#define ERROR_SPECIAL_CHARACTERS "ERR %s cannot contain spaces, newlines or special characters."
#define ERROR_LONG_NAME "ERR %s cannot be longer than %d characters."
#define ERROR_CLIENT_OPTION "ERR Unrecognized option '%.*s'"
#define ERROR_CLIENT_ID "ERR Invalid client ID"
#define ERROR_CLIENT_ID_RANGE "ERR client-id should be greater than 0"
#define ERROR_CLIENT_TYPE "ERR Unknown client type '%.*s'"
#define ERROR_MAX_AGE "ERR maxage is not an integer or out of range"
#define ERROR_NO_SUCH_USER "ERR No such user '%.*s'"
#define ERROR_NO_SUCH_CLIENT "ERR No such client"
#define ERROR_INVALID_COMMAND "ERR Invalid command specified"
#define ERROR_NO_KEYS "ERR The command has no key arguments"
#define ERROR_ARITY_OF_GETKEYS "ERR Invalid number of arguments specified for command"
#define ERROR_UNKNOWN_SETTING "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'"
#define ERROR_SETTING_IS_FIXED \
    "ERR CONFIG SET failed (possibly related to argument '%s') - can't set immutable config: " \
    "settings are fixed at the start"
#define ERROR_SETTING_IS_NO_SIZE \
    "ERR CONFIG SET failed (possibly related to argument '%s') - argument must be a memory " \
    "value: bytes, also as 100mb or 4gb, or a share of what there is, as 60%%"
#define ERROR_SETTING_IS_TOO_MANY_DENIALS \
    "ERR CONFIG SET failed (possibly related to argument '%s') - it must be from 0 to 10000"
#define ERROR_SETTING_IS_TOO_MANY \
    "ERR CONFIG SET failed (possibly related to argument '%s') - argument must be a number from " \
    "1 to the one that this node was started with: more need a new start"
#define ERROR_SETTING_IS_NO_TIME \
    "ERR CONFIG SET failed (possibly related to argument '%s') - argument must be seconds from 0 " \
    "(never) to 3600000"
#define ERROR_TIMEOUT_NOT_AN_INTEGER "ERR timeout is not an integer or out of range"
#define ERROR_TIMEOUT_NEGATIVE "ERR timeout is negative"

#define ERROR_NUMLOCAL "ERR value is out of range, value must between 0 and 1"
#define ERROR_MUST_BE_POSITIVE "ERR value is out of range, must be positive"
#define ERROR_UNBLOCK_REASON "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
#define ERROR_UNBLOCKED "UNBLOCKED client unblocked via CLIENT UNBLOCK"

#define ERROR_PAUSE_MODE "ERR CLIENT PAUSE mode must be WRITE or ALL"

/* --- This node ------------------------------------------------------------------------------- */

#define ERROR_SLOWLOG_COUNT "ERR count should be greater than or equal to -1"
#define ERROR_NO_SAMPLES "ERR No samples available for event '%.*s'"
#define ERROR_SAVE_IN_PROGRESS "ERR Background save already in progress"
#define ERROR_NO_CONFIG_FILE "ERR The server is running without a config file"
#define ERROR_NO_SHUTDOWN "ERR No shutdown in progress."
#define ERROR_NO_SHUTDOWN_ABORT "ERR this node stops, and that can't be taken back: start it again"
#define ERROR_SLEEP "ERR the time to sleep is a number of seconds from 0 to 3600"
#define ERROR_DEBUG_IS_LOCAL "ERR DEBUG is only for clients that connect over loopback"
#define ERROR_NO_REPLICAOF \
    "ERR %s is not supported: a node joins a cluster if it is started with a member as its " \
    "contact, and RAFT REMOVE takes it out"
#define ERROR_NO_FAILOVER "ERR FAILOVER is not supported: RAFT TRANSFER hands leadership over"
#define ERROR_NO_SYNC \
    "ERR %s is not supported: nodes replicate by a protocol of their own; rakit-cli backup " \
    "fetches all data"

/* --- CLUSTER --------------------------------------------------------------------------------- */

#define ERROR_CLUSTER_OFF \
    "ERR This instance has cluster support disabled: start the nodes with --cluster-mode yes"
#define ERROR_MOVED "MOVED %u %s:%u"
#define ERROR_REDIRECT_SYNTAX "ERR syntax error, try RAFT REDIRECT [ON | OFF]"
#define ERROR_SLOT "ERR Invalid slot"
#define ERROR_SLOT_OR_COUNT "ERR Invalid slot or number of keys"
#define ERROR_MANY_KEYS_IN_SLOTS \
    "ERR there are more than %d keys, and to look at all would hold up everybody: SCAN gives " \
    "them in steps, and CLUSTER KEYSLOT the slot of each"
#define ERROR_UNKNOWN_NODE "ERR Unknown node %.*s"
#define ERROR_NODE_IS_NO_MASTER "ERR The specified node is not a master"
#define ERROR_NO_SUCH_CLUSTER_COMMAND \
    "ERR CLUSTER %.*s is not supported: one leader has all slots. RAFT ADD and RAFT REMOVE " \
    "change the members, RAFT TRANSFER hands leadership over, and RAFT STATUS shows all nodes"

/* --- SENTINEL -------------------------------------------------------------------------------- */

#define ERROR_NO_SUCH_MASTER "ERR No such master with that name"
#define ERROR_NO_QUORUM \
    "NOQUORUM %u usable Sentinels. Not enough available Sentinels to reach the majority and " \
    "authorize a failover"
#define ERROR_NO_SUCH_SENTINEL_COMMAND \
    "ERR SENTINEL %.*s is not supported: the nodes elect their leader by themselves, and RAFT " \
    "TRANSFER hands leadership over"
/* --- Subscribers ---------------------------------------------------------------------------- */

#define ERROR_WHILE_SUBSCRIBED \
    "ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are " \
    "allowed in this context"
#define ERROR_CHANNEL_TOO_LONG "ERR a name to subscribe to may have %u bytes at the most"
#define ERROR_SUBSCRIPTION_MEMORY "OOM the names that clients subscribe to take too much memory"
#define ERROR_MANY_SUBSCRIPTIONS \
    "ERR one connection may have %u subscriptions: use another one for more"
#define ERROR_ONE_REDIRECTION "ERR A client can only redirect to a single other client"
#define ERROR_NO_REDIRECTION "ERR The client ID you want redirect to does not exist"
#define ERROR_PREFIX_WITHOUT_BCAST "ERR PREFIX option requires BCAST mode to be enabled"
#define ERROR_SWITCH_BCAST \
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then " \
    "re-enabling it with a different mode."
#define ERROR_OPT_WITH_BCAST "ERR OPTIN and OPTOUT are not compatible with BCAST"
#define ERROR_OPT_BOTH "ERR You can't specify both OPTIN mode and OPTOUT mode"
#define ERROR_SWITCH_OPT \
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then " \
    "re-enabling it with a different mode."
#define ERROR_PREFIXES_OVERLAP \
    "ERR Prefix '%.*s' overlaps with another provided prefix '%.*s'. Prefixes for a single " \
    "client must not overlap."
#define ERROR_PREFIX_IS_THERE \
    "ERR Prefix '%.*s' overlaps with an existing prefix '%.*s'. Prefixes for a single client " \
    "must not overlap."
#define ERROR_CACHING_WITHOUT_OPT \
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or " \
    "OPTOUT mode enabled"
#define ERROR_CACHING_YES \
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
#define ERROR_CACHING_NO \
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
#define ERROR_NOTIFY_LETTER \
    "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid " \
    "event class character. Use 'Ag$lshzxeKEtmdn'."

/* --- Bytes that are no request: the connection ends ---------------------------------------- */

#define ERROR_INLINE_TOO_BIG "ERR Protocol error: too big inline request"
#define ERROR_UNBALANCED_QUOTES "ERR Protocol error: unbalanced quotes in request"
#define ERROR_MULTIBULK_LENGTH "ERR Protocol error: invalid multibulk length"
#define ERROR_NOT_A_BULK "ERR Protocol error: expected '$', got '%c'"
#define ERROR_BULK_LENGTH "ERR Protocol error: invalid bulk length"
#define ERROR_EARLY_MULTIBULK "ERR Protocol error: unauthenticated multibulk length"
#define ERROR_EARLY_BULK "ERR Protocol error: unauthenticated bulk length"
#define ERROR_REQUEST_TOO_LARGE "ERR Protocol error: request exceeds the size limit"
#define ERROR_NO_CRLF "ERR Protocol error: expected CRLF after bulk"

/* --- Not served here ----------------------------------------------------------------------- */

#define ERROR_MANY_CLIENTS "ERR max number of clients reached"
#define ERROR_PROTECTED \
    "DENIED Rakit is running in protected mode: nobody has to authenticate, so clients are " \
    "served only over loopback (127.0.0.1, ::1). To serve others, start rakit-server with " \
    "--protected-mode no, on a network where everybody is trusted."

/* --- The cluster: the command may have been executed --------------------------------------- */

#define ERROR_IN_DOUBT \
    "INDOUBT leadership changed, or the majority was lost, while this command was under way: " \
    "it may or may not have been executed"
#define ERROR_UNCONFIRMED \
    "INDOUBT no majority has confirmed this command in time: it may or may not be executed " \
    "yet"
#define ERROR_CHANGE_IN_DOUBT \
    "INDOUBT the change was begun and may or may not be carried out: look at RAFT STATUS"

/* --- The cluster: the command was certainly not executed ----------------------------------- */

#define ERROR_NO_LEADER \
    "CLUSTERDOWN no leader is known: the command was not executed. A majority of the nodes " \
    "must be up and see each other"
#define ERROR_NOT_JOINED \
    "CLUSTERDOWN this node has not joined its cluster yet: the command was not executed. Its " \
    "log says what it waits for"
#define ERROR_REMOVED \
    "CLUSTERDOWN this node was removed from the cluster and serves nothing: the command was " \
    "not executed. Use another node; to join again this one needs an empty data directory"
#define ERROR_LOADING \
    "LOADING Rakit is loading the dataset (%u %%): the command was not executed. Try again in " \
    "%llu s"
#define ERROR_NOT_TAKEN \
    "TRYAGAIN the leader has too much under way, or hands its place over: the command was not " \
    "executed"
#define ERROR_OVERLOADED "TRYAGAIN the leader has too much under way: the command was not executed"
#define ERROR_NOT_APPLIED \
    "TRYAGAIN this node has applied only up to %llu so far: try again, or ask another node"
#define ERROR_READ_LATE \
    "TRYAGAIN the leader could not confirm in time that it still leads: the command was not " \
    "executed"
#define ERROR_ABANDONED \
    "TRYAGAIN the connection was ended while this command waited for a leader, or for room: " \
    "the command was not executed"
#define ERROR_READ_LOST \
    "TRYAGAIN two leaders were lost, one after the other, while they had this command: it " \
    "changes nothing, and is not sent to a third one, since it may be what costs them too " \
    "much"
#define ERROR_STOPPING "TRYAGAIN the server is stopping: the command was not executed"
#define ERROR_DISK_FULL \
    "MISCONF the disk is full, or what --maxdisk allows of it: the command was not executed. " \
    "Reads and deletes are served; other writes are taken again as soon as there is room"
#define ERROR_DISKS_FULL \
    "MISCONF the disks of too many nodes are full, as RAFT STATUS shows: the command was not " \
    "executed. Reads are served, deletes as long as there is room for them in the log; other " \
    "writes are taken again as soon as there is room"
#define ERROR_DISK_FULL_FOR_READ \
    "MISCONF the disk is full, and a read that follows a write in a pipeline, or INDOUBT on " \
    "its connection, needs room in the log: it was not executed. On a new connection reads " \
    "are served"
#define ERROR_OUT_OF_MEMORY \
    "OOM command not allowed when used memory > 'maxmemory': it was not executed. Delete some " \
    "keys, or raise maxmemory on the nodes that RAFT STATUS shows as memory-full"
#define ERROR_INPUT_MEMORY \
    "OOM requests that clients are sending take too much memory: this one was not executed. Send " \
    "it again when there are fewer, or in parts; the connection ends"
#define ERROR_REPLY_TOO_LARGE_TO_FORWARD \
    "ERR the reply is too large to pass from node to node: ask for less at once, or ask the " \
    "leader itself"
#define ERROR_UNKNOWN_TO_LEADER \
    "ERR the leader does not know this command: all nodes must run the same version"
#define ERROR_NOT_UNDERSTOOD "ERR this command is not understood: it did nothing"

/* --- RAFT and REQUEST_LOG ------------------------------------------------------------------ */

#define ERROR_RAFT_SUBCOMMAND "ERR unknown subcommand. Try RAFT HELP."
#define ERROR_RAFT_ARGUMENTS "ERR arguments are too long for an administrative command"
#define ERROR_RAFT_ADD_SYNTAX \
    "ERR syntax error, try RAFT ADD <id in hex> <host> <port> <peer-port> [NAME <name>] " \
    "[LEARNER | REPLACE <node>]; a node that is started with a contact sends this by itself"
#define ERROR_RAFT_REMOVE_SYNTAX \
    "ERR syntax error, try RAFT REMOVE <node> [FORCE]; a node is named by its name, its id or " \
    "host:port"
#define ERROR_RAFT_REPLACE_SYNTAX \
    "ERR syntax error, try RAFT REPLACE <node> <learner>; or start the new node with a member as " \
    "its contact and --replace <node>"
#define ERROR_RAFT_PROMOTE_SYNTAX "ERR syntax error, try RAFT PROMOTE <node>"
#define ERROR_RAFT_DEMOTE_SYNTAX "ERR syntax error, try RAFT DEMOTE <node> [FORCE]"
#define ERROR_RAFT_PRIORITY_SYNTAX \
    "ERR syntax error, try RAFT PRIORITY <node> <0 to 100> [FORCE]: 0 never leads, 1 is the default"
#define ERROR_RAFT_TRANSFER_SYNTAX "ERR syntax error, try RAFT TRANSFER [<node>]"
#define ERROR_NAME_SYNTAX \
    "ERR a name of a node has 1 to 32 letters, digits, dots, underscores and hyphens, and is no " \
    "hexadecimal number"
#define ERROR_NAME_TAKEN "ERR another member has that name: choose another one (--name)"
#define ERROR_READS_SYNTAX \
    "ERR syntax error, try RAFT READS [LINEARIZABLE | LEASE | STALE [MAXAGE ms]]"
#define ERROR_NO_SUCH_MEMBER \
    "ERR no such member: RAFT MEMBERS lists them. Of two at one address, name one by its id"
#define ERROR_AMBIGUOUS_ID \
    "ERR more than one id begins so (those of removed nodes count): give more of its digits"
#define ERROR_LAST_VOTER \
    "ERR the last voter that may lead can't be removed or demoted: add another one, or raise the " \
    "priority of another one, first"
#define ERROR_LAST_LEADER \
    "ERR no voter would be left that may lead: raise the priority of another one first"
#define ERROR_REPLACED_NO_VOTER \
    "ERR the node to be replaced is not a voter: remove it (RAFT REMOVE) if it is a learner, and " \
    "let the new one join as usual"
#define ERROR_REPLACED_BY_VOTER \
    "ERR a voter can't take the place of another one: remove the other one (RAFT REMOVE)"
#define ERROR_REPLACED_ALREADY \
    "ERR another learner is to take the place of that node, as RAFT STATUS shows: remove that " \
    "learner first (RAFT REMOVE)"
#define ERROR_CLUSTER_FULL "ERR the cluster has as many members as it can have"
#define ERROR_ADDRESS_TAKEN \
    "ERR the address %s:%u is used by member %016llx: remove that one first (RAFT REMOVE), or " \
    "choose another address"
#define ERROR_NO_QUORUM_LEFT \
    "ERR of the voters that would remain no majority is in reach, so nothing would be served " \
    "any more. Remove those that are gone first, or wait for them. FORCE at the end of the " \
    "command makes the change nevertheless: nothing is served then, and the change can't be " \
    "undone, until enough of them are back"
#define ERROR_NO_LEADER_LEFT \
    "ERR of the voters in reach none would be left that may lead, so nothing would be served any " \
    "more. Raise the priority of one of them first, or wait for the others. FORCE at the end of " \
    "the command makes the change nevertheless: nothing is served then until a voter that may " \
    "lead is back, or RAFT PRIORITY allows it to another one"
#define ERROR_NO_SUCH_VOTER "ERR there is no such voter to hand leadership to"
#define ERROR_UNREACHABLE_HOST \
    "ERR other nodes can't connect to that host: give a reachable name or address"
#define ERROR_LEADS_ALREADY "ERR that node leads already"
#define ERROR_OWN_CONTACT \
    "ERR that is this node itself: give another node as the contact, or none to make a new " \
    "cluster"
#define ERROR_NO_KEY_YET \
    "CLUSTERDOWN this node has not joined its cluster yet, and has no key of it"
#define ERROR_ADD_UNREACHED \
    "UNREACHED the node at %s, peer port %u, was not added: the leader gets no answer there. " \
    "Start it, and see that members reach its peer port"
#define ERROR_ADD_KEYLESS \
    "NOKEY the node at %s, peer port %u, was not added: it has no key yet. Start it with a " \
    "member as its contact, or with --cluster-key FILE"
#define ERROR_ADD_OTHER_KEY \
    "NOKEY the node at %s, peer port %u, was not added: it does not have the key of this " \
    "cluster. Copy the file cluster-key from the data directory of a member to it, and start " \
    "it with --cluster-key FILE"
#define ERROR_ADD_OTHER_VERSION \
    "ERR the node at %s, peer port %u, was not added: it does not speak the peers' protocol " \
    "of the leader. Start it with the same program"
#define ERROR_ADD_OLDER_LEVEL \
    "ERR the node at %s, peer port %u, was not added: the cluster is at a feature level that its " \
    "program does not know. Install a newer version there"
#define ERROR_ADD_OTHER_NODE \
    "ERR the node at %s, peer port %u, was not added: it has another id than that"
#define ERROR_ADD_OTHER_CLUSTER \
    "ERR the node at %s, peer port %u, was not added: it belongs to another cluster, which " \
    "has the same key. Start it with an empty data directory, and a member as its contact"
#define ERROR_ADD_ELSEWHERE \
    "ERR that node is connected and says that it lives elsewhere: to move it, start it with " \
    "another address, or --announce, and a member as its contact"
#define ERROR_ADD_REMOVED \
    "REMOVED this node was removed from the cluster: to join again it needs an empty data " \
    "directory, and with it a new id"
#define ERROR_NO_KEY \
    "NOKEY the key of the cluster is handed over on loopback only: copy the file cluster-key " \
    "from the data directory of a member to the new node, and start that with --cluster-key " \
    "FILE"
#define ERROR_TRANSFER_FAILED \
    "TRYAGAIN the other node did not catch up or take over in time: this one goes on leading"
#define ERROR_LOG_IS_READ \
    "TRYAGAIN others who read the log took all the time: ask again, or for fewer entries"
#define ERROR_CHANGE_UNDER_WAY \
    "TRYAGAIN another change was under way all the time: nothing was done"
#define ERROR_SNAPSHOT_FAILED \
    "ERR the snapshot could not be written: see the log of this node for the reason"
#define ERROR_BACKUP_SYNTAX \
    "ERR syntax error, try RAFT BACKUP [SNAPSHOT index term bytes checksum offset | LOG index " \
    "previous-term offset last-index]"
#define ERROR_MANY_BACKUPS \
    "TRYAGAIN too many parts of backups are asked for: this one was not read"
#define ERROR_NOT_RUNNING \
    "CLUSTERDOWN this node has not joined its cluster yet, or is stopping: ask another one"
#define ERROR_SNAPSHOT_GONE \
    "GONE this node does not have that snapshot, or not any more"
#define ERROR_SNAPSHOT_UNREADABLE "ERR the snapshot could not be read from the disk"
#define ERROR_LOG_GONE \
    "GONE the log of this node begins after that entry: a snapshot has replaced it"
#define ERROR_LOG_AHEAD "ERR this node has not executed that entry yet"
#define ERROR_LOG_DIFFERS \
    "ERR the log of this node has another entry before that one: the backup is of another history"
#define ERROR_ISOLATED \
    "ERR the state of this node is wrong, and is being rebuilt: ask another node"
#define ERROR_LOG_UNREADABLE "ERR the log could not be read from the disk"
#define ERROR_LOG_SYNTAX "ERR syntax error, try REQUEST_LOG [from [count]] [STAGES]"
#define ERROR_LOG_NOT_AN_INTEGER \
    "ERR value is not an integer or out of range: REQUEST_LOG [from [count]] [STAGES], from 1"
#define ERROR_LOG_COUNT \
    "ERR REQUEST_LOG shows 10000 entries at most: ask for the rest in further calls"

/* clang-format on */

#endif /* RAKIT_RESP_ERRORS_H */
