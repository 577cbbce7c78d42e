-- wrk -s wrk.lua URL -- BODY 'Name: value' …   Prints the outcome as one line of JSON, latencies in milliseconds.
-- Only `init` is defined for the requests: wrk then builds the request once and runs no Lua while it measures.

function init(args)
  wrk.method = "POST"
  wrk.body = args[1]
  for i = 2, #args do
    local name, value = args[i]:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "refused": %d, "broken": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f}\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
