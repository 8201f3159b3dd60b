-- How many pictures a second `shuzi serve` reads, with wrk:
--   PICTURE=drawing.png wrk -t1 -c64 -d30s --latency -s bench/serve.lua http://127.0.0.1:8427/api/recognize
-- Any answer but 200 is counted as an error.
wrk.method = "POST"
wrk.headers["Content-Type"] = "image/png"
local picture = assert(io.open(os.getenv("PICTURE"), "rb"))
wrk.body = picture:read("*a")
picture:close()
