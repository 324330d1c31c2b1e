module github.com/matrix-msn/matrix-msn

go 1.26

require (
	maunium.net/go/mautrix v0.30.0
)
