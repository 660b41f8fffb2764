.PHONY: run test lint bench

# The dev server: seeded people, simulated devices, loopback only. ARGS="--store redis://..." passes flags on.
run:
	go run ./cmd/tillid dev $(ARGS)

# Everything that must hold. As root on Debian it installs the servers that the suites need.
test:
	./.ci/test

# The checks of source text alone, without tests.
lint:
	./.ci/lint

# Micro-benchmarks with allocations.
bench:
	go test -run '^$$' -bench . -benchmem ./...
