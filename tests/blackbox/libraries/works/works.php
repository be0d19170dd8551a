<?php
// The simplest real work of PHP's libraries: works.php LIBRARY HOST PORT. Prints "works".
[, $library, $host, $port] = $argv;

set_error_handler(function ($level, $text, $file, $line) {
    if (!str_contains($file, "/usr/share/php/")) {  // Debian's libraries are older than its PHP.
        throw new ErrorException($text, 0, $level, $file, $line);
    }
});

function expect($condition, $what)
{
    if (!$condition) {
        throw new Exception("not as expected: $what");
    }
}

function phpredis()
{
    global $host, $port;
    $client = new Redis();
    $client->connect($host, (int)$port);
    return $client;
}

$works = [
    "phpredis" => function () {
        $client = phpredis();
        expect($client->setex("php:a", 100, "1"), "setex");
        expect($client->multi()->incr("php:a")->get("php:a")->exec() === [2, "2"], "multi");
        expect($client->ttl("php:a") > 0, "ttl");
    },
    "phpredis-sessions" => function () {
        global $host, $port;
        ini_set("session.save_handler", "redis");
        ini_set("session.save_path", "tcp://$host:$port");
        ini_set("session.use_cookies", "0");
        ini_set("session.cache_limiter", "");
        session_id("works");
        session_start();
        $_SESSION["user"] = "u";
        session_write_close();
        $_SESSION = [];
        session_start();
        expect($_SESSION["user"] === "u", "session");
        session_destroy();
    },
    "predis" => function () {
        global $host, $port;
        require_once "Predis/autoload.php";
        $client = new Predis\Client(["host" => $host, "port" => $port]);
        $client->setex("predis:a", 100, "1");
        $replies = $client->transaction(function ($t) {
            $t->incr("predis:a");
            $t->get("predis:a");
        });
        expect($replies === [2, "2"], "transaction");
    },
    "symfony-cache" => function () {
        require_once "Symfony/Component/Cache/autoload.php";
        $cache = new Symfony\Component\Cache\Adapter\RedisAdapter(phpredis(), "works", 100);
        $cache->clear();
        $calls = 0;
        for ($i = 0; $i < 2; $i++) {
            $value = $cache->get("a", function () use (&$calls) {
                $calls++;
                return ["x" => 1];
            });
            expect($value === ["x" => 1], "value");
        }
        expect($calls === 1, "calls");
    },
];

$works[$library]();
echo "works\n";
