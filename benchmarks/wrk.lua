-- The request of `throughput`, for wrk: the same endpoint, a body of the same size.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["User-Agent"] = "wrk"
wrk.headers["Authorization"] = "Bearer sk-mock"
wrk.body = '{"model":"mock-model","messages":[{"role":"user","content":"Question number 12345"}]}'
