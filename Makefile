.PHONY: run test lint bench kill9

# The dev server: seeded people, simulated devices, loopback only. ARGS="--store redis://..." passes flags on.
run:
	go run ./cmd/tillid dev $(ARGS)

# Everything that must hold. As root on Debian it installs the servers that the suites need.
test:
	./.ci/test

# The checks of source text alone, without tests.
lint:
	./.ci/lint

# What logins cost, beside what they would cost at least (ARGS="-stores memory -kinds app,sso" narrows it down), and then the
# micro-benchmarks with allocations. Linux with redis-server.
bench:
	go build -o .bench/tillid ./cmd/tillid
	go run ./cmd/tillidbench -server .bench/tillid $(ARGS)
	go test -run '^$$' -bench . -benchmem -benchtime 0.2s ./...

# The server is killed a thousand times under load, on SQLite and on Redis, and must lose nothing (`make test` does 200).
kill9:
	TILLID_REQUIRE_SERVERS=1 TILLID_KILLS=1000 go test -count=1 -timeout 30m -v -run TestNothingIsLostOrUsableTwiceAfterKill ./cmd/tillid/e2e
