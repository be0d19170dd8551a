# redis-rb, driven by lines: see drivers.py.
require "redis"

host, port, settings = ARGV
options = { "defaults" => {}, "safe" => { reconnect_attempts: 0 } }.fetch(settings)
client = Redis.new(host: host, port: port.to_i, timeout: 1, **options)
client.ping
$stdout.sync = true
puts "ready #{Redis::VERSION}"
$stdin.each_line do |line|
  begin
    puts "done #{client.incr(line.strip)}"
  rescue Redis::BaseError => error
    puts "failed #{error.class}"
  end
end
