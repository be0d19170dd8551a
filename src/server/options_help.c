/* options_help.c - what --help and --version of rakit-server show. */
#include "server/options.h"

/* The standard limits the length of one string. */
static const char help_of_use[] =
    "Usage: rakit-server [OPTIONS] HOST PORT [CONTACT_HOST CONTACT_PORT]\n"
    "\n"
    "Serves a replicated key-value store to Redis clients at HOST PORT.\n"
    "\n"
    "  rakit-server localhost 8000                  makes a new cluster and leads it\n"
    "  rakit-server localhost 8001 localhost 8000   joins it, through any of its members\n"
    "\n"
    "A node that is started again on its data directory goes on as the member that it\n"
    "was; the contact is not needed then.\n"
    "\n"
    "Options, in any place:\n"
    "  --config FILE            read settings from FILE: lines of an option's name, without\n"
    "                           dashes, and its value. The environment has them, too, as\n"
    "                           in RAKIT_SERVER_MAX_CLIENTS=100; the command line wins,\n"
    "                           then the environment\n"
    "  --check-config           say whether all of that is right, and end\n"
    "  --bind HOST, --port PORT, --contact HOST:PORT\n"
    "                           the same as the arguments, which win\n"
    "  --data DIR               where the node lives; default: rakit-PORT\n"
    "  --new-cluster            make a new cluster in a directory that is there already;\n"
    "                           not needed if the directory does not exist\n"
    "  --recover                the majority is lost for good: show what this node has,\n"
    "                           ask, make a new cluster of it, and end\n"
    "  --yes                    do not ask\n"
    "  --restore FILE           make a new cluster of a backup, in an empty directory; see\n"
    "                           rakit-cli(1), backup\n"
    "  --at INDEX|TIME          as it was after that entry, or at that time (UTC)\n"
    "  --cluster-key FILE       the key of the cluster, as in a member's directory; a\n"
    "                           contact on this machine hands it over by itself, unless\n"
    "                           clients need a password\n"
    "  --name NAME              what people call this node, in place of its id\n"
    "  --replace NODE           join in the place of that voter, which leaves once this\n"
    "                           node has caught up\n"
    "  --learner                join as a learner, and stay one until RAFT PROMOTE\n";

static const char help_of_options[] =
    "  --peer-port N            port that the other nodes connect to; default:\n"
    "                           PORT + 10000\n"
    "  --feature-level N        use nothing that a later level brings; default: the newest\n"
    "  --announce HOST          the host at which others reach this node, if not HOST\n"
    "  --election-timeout MS    a leader silent for so long is replaced; default: 300\n"
    "  --heartbeat MS           interval between the leader's heartbeats; default: 50\n"
    "  --request-timeout MS     a command waits for a leader no longer; default: 2000\n"
    "  --max-clients N          connections served at once; default: 10000\n"
    "  --maxmemory SIZE         limit on memory, as in 4gb, or as 50% of what the machine\n"
    "                           has; 0: no limit; default: 60%\n"
    "  --maxdisk SIZE           limit on the data directory, as in 100gb, or as 50% of its\n"
    "                           file system; 0, the default: all that is free\n"
    "  --max-output-memory MB   for replies that clients have not read; default: 1024\n"
    "  --idle-timeout S         close connections idle for so long; default: 0, never\n"
    "  --feed MB                keep the newest changes of keys for XREAD (default 16; 0: none)\n"
    "  --snapshot-log MB        make a snapshot, and drop the log before it, when the log\n"
    "                           has grown by so much, or by the size of the data;\n"
    "                           default: 64\n"
    "  --log-tail MB            keep so much of that log, in memory and on the disk, for\n"
    "                           nodes that lag; default: 16\n"
    "  --snapshot-rate MB       fetch no more than this a second of another node's "
    "snapshot,\n"
    "                           nor give more to a backup; default: 100; 0: no bound\n"
    "  --scrub-period HOURS     read everything on the disk so often, to find damage;\n"
    "                           default: 168, a week; 0: never\n"
    "  --protected-mode yes|no  yes, the default: serve clients over loopback only, until\n"
    "                           they need a password\n"
    "  --requirepass PASSWORD   of the user default, until it is changed; better not on\n"
    "                           the command line, which others on the machine can see\n"
    "  --cluster-mode MODE      yes: answer CLUSTER, for clients of Redis Cluster; "
    "redirect:\n"
    "                           and send them to the leader by MOVED; default: no\n"
    "  --sentinel-port N        a port for clients of Redis Sentinel, which are shown the\n"
    "                           leader there; default: none\n"
    "  --sentinel-name NAME     how they must call the cluster; default: any name will do\n"
    "  --http N                 a port for HTTP: dashboard, metrics, health, XML-RPC;\n"
    "                           default: none\n"
    "  --follower-role ROLE     master, the default, or replica: what a node that does not\n"
    "                           lead calls itself in INFO, ROLE and HELLO\n";

static const char help_of_tls[] =
    "  --tls-port N             a port for clients with TLS; PORT itself: no others\n"
    "  --tls-cert-file FILE, --tls-key-file FILE\n"
    "                           the certificate of this node in PEM, and its key\n"
    "  --tls-ca-cert-file FILE  who may have issued the certificates of others\n"
    "  --tls-crl-file FILE      what they have revoked\n"
    "  --tls-auth-clients WHO   yes, the default: clients need a certificate; no;\n"
    "                           optional: one that is shown must be good\n"
    "  --tls-cluster yes|no     yes: nodes speak TLS with each other, and verify both ends;\n"
    "                           the same on all nodes; default: no\n"
    "  --tls-http yes|no        speak TLS at the port for HTTP; default: if PORT does\n"
    "  --tls-contact yes|no     speak TLS with the contact; default: if PORT does\n"
    "  --tls-node-name NAME     the name in the certificates of all nodes; default: the\n"
    "                           host of each\n"
    "  --log-level LEVEL        debug, info, warn or error; default: info\n"
    "  --log-format FORMAT      plain, logfmt or auto: plain at a terminal; default: auto\n"
    "  --help                   show this help and exit\n"
    "  --version                show the version and exit\n"
    "\n"
    "The log goes to standard error. SIGTERM and SIGINT end the node in order: it hands\n"
    "leadership over first. A second one ends it at once. Exit status: 0 after that, 1\n"
    "if the node could not start or go on, 2 if it was called wrongly.\n";

const char *options_help(uint32_t part)
{
    static const char *const parts[] = {help_of_use, help_of_options, help_of_tls};

    return part < sizeof parts / sizeof *parts ? parts[part] : NULL;
}

const char *options_version(void)
{
    return "rakit-server " RAKIT_VERSION "\n";
}
