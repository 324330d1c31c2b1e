# The targets that people and continuous integration use; CONTRIBUTING.md tells more of them. Everything is built with
# goolm, the Olm written in Go, so that only SQLite needs a C compiler.
#
#   make demo [ONCE=1]   a homeserver, an MSN service and the bridge on this machine, talking
#   make test            every test, those on a real Synapse too
#   make check           the same with the race detector, formatting, static checks, structure rules, short fuzzing
#   make fuzz            every fuzz target for FUZZTIME each
#   make bench           the measurements, with allocations
#   make build           ./matrix-msn

GO       ?= go
FUZZTIME ?= 1m
TAGS     := -tags goolm
# Tests on Synapse measure time: they do not share the machine with others.
UNITS    := $$($(GO) list $(TAGS) ./... | grep -v /e2e$$)
COMMIT   := $$(git rev-parse --short HEAD 2>/dev/null || echo unknown)

.PHONY: build demo test check format vet staticcheck structure examples race fuzz bench prerequisites clean

build:
	$(GO) build $(TAGS) -ldflags "-X main.Commit=$(COMMIT) -X 'main.BuildTime=$$(date -u +%Y-%m-%dT%H:%M:%SZ)'" -o matrix-msn .

prerequisites:
	@demo/prerequisites

demo: prerequisites
	@echo "      building the demo (a minute or two the first time)"
	@mkdir -p .cache/bin
	@$(GO) build $(TAGS) -o .cache/bin/demo ./demo
	@exec .cache/bin/demo $(if $(filter-out 0 no,$(ONCE)),-once)

test: prerequisites vet
	$(GO) test $(TAGS) $(UNITS)
	$(GO) test $(TAGS) -count=1 -timeout 8m ./e2e

check: prerequisites format vet staticcheck structure examples race
	@$(MAKE) --no-print-directory fuzz FUZZTIME=2s
	@echo "check: all well"

format:
	@wrong=$$(gofmt -l $$(git ls-files '*.go' 2>/dev/null || find . -name '*.go' -not -path './.cache/*')); \
	if [ -n "$$wrong" ]; then echo "not as gofmt has it:"; echo "$$wrong"; exit 1; fi

vet:
	$(GO) vet $(TAGS) ./...

# ST1005 wants errors in lower case: ours begin so too, unless they begin with the name of a field or flag.
staticcheck:
	$(GO) tool staticcheck $(TAGS) -checks inherit,-ST1005 ./...

# The rules of the house that the compiler does not keep.
structure:
	@echo "structure: msn knows nothing of Matrix"
	@all=$$($(GO) list $(TAGS) -deps -test ./msn/...) || exit 1; \
	if echo "$$all" | grep -E '^(maunium\.net|go\.mau\.fi)/'; then echo "msn must not depend on these"; exit 1; fi
	@echo "structure: versions are compared in version.go alone"
	@if grep -nE '([<>]=?|[!=]=) *(msn\.)?MSNP[0-9]+|MSNP[0-9]+ *([<>]=?|[!=]=)|[vV]ersion(\(\))? *[<>]=? *[0-9a-zA-Z]|\bv *[<>]=? *[0-9]' \
		$$(find msn bridge -name '*.go' ! -name '*_test.go' ! -name version.go); then \
		echo "a version is a row in a table: ask for what it can do (msn/version.go)"; exit 1; fi

examples:
	@echo "examples: config.example.yaml is what -e writes"
	@$(GO) run $(TAGS) . -e -c - | diff -u config.example.yaml - || { \
		echo "write it anew: $(GO) run $(TAGS) . -e -c - > config.example.yaml"; exit 1; }

race:
	$(GO) test $(TAGS) -race $(UNITS)
	$(GO) test $(TAGS) -race -count=1 -timeout 12m ./e2e

fuzz:
	@grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' . | grep -v '^\./\.cache/' | sed 's/:[0-9]*:func /:/' | sort | \
	while IFS=: read -r file target; do \
		echo "fuzz: $$target in $$(dirname $$file) for $(FUZZTIME)"; \
		log=$$(mktemp); code=0; \
		$(GO) test $(TAGS) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$(dirname $$file) \
			</dev/null >$$log 2>&1 || code=$$?; \
		cat $$log; \
		if [ $$code -ne 0 ] && grep -q '^    context deadline exceeded$$' $$log && ! grep -qi 'failing input\|panic\|hung' $$log; then \
			echo "fuzz: the time ran out in the middle of an input, which go test calls a failure; nothing was found"; code=0; \
		fi; \
		rm -f $$log; [ $$code -eq 0 ] || exit 1; \
	done

bench: prerequisites
	$(GO) test $(TAGS) -run '^$$' -bench . -benchmem ./msn/... ./bridge/...
	$(GO) test $(TAGS) -run '^$$' -bench Latency -benchtime 200x -timeout 15m ./e2e
	$(GO) test $(TAGS) -run '^$$' -bench ContactList -benchtime 1x -timeout 20m ./e2e

clean:
	rm -rf .cache matrix-msn
