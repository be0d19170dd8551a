# The simplest real work of Ruby's libraries: works.rb LIBRARY HOST PORT. Prints "works".
library, host, port = ARGV
port = port.to_i

def expect(condition, what)
  raise "not as expected: #{what}" unless condition
end

works = {
  "redis-rb" => lambda do
    require "redis"
    client = Redis.new(host: host, port: port)
    client.set("rb:a", "1", ex: 100)
    replies = client.multi do |transaction|
      transaction.incr("rb:a")
      transaction.get("rb:a")
    end
    expect(replies == [2, "2"], "multi")
    expect(client.ttl("rb:a").positive?, "ttl")
  end,
  "redis-store" => lambda do
    require "redis-store"
    store = Redis::Store.new(host: host, port: port)
    store.setex("rb:store", 100, { "x" => 1 })
    expect(store.get("rb:store") == { "x" => 1 }, "value")
    expect(store.setnx("rb:store", 2) == false, "setnx")
    store.del("rb:store")
  end
}

works.fetch(library).call
puts "works"
