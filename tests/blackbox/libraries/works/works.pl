# The simplest real work of Perl's Redis: works.pl LIBRARY HOST PORT. Prints "works".
use strict;
use warnings;
use Redis;

my ($library, $host, $port) = @ARGV;
my $client = Redis->new(server => "$host:$port");
$client->setex("perl:a", 100, "1");
$client->multi;
$client->incr("perl:a");
$client->get("perl:a");
my @replies = $client->exec;
die "multi" unless "@replies" eq "2 2";
die "ttl" unless $client->ttl("perl:a") > 0;
print "works\n";
