package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is one command of a dialogue, or its closing comment.
type Line struct {
	From Side
	// Command has an empty Name only in the last Line of a transcript that ends in comments.
	Command Command
	// Comment holds the comment lines before the command, without "# ", joined by LF.
	Comment string
}

// errTranscript is wrapped by the errors of ParseTranscript about its notation.
var errTranscript = errors.New("broken transcript")

// FormatCommand writes a command in the one notation of traces, golden dialogues and documents:
//
//	C: MSG 3 A 67
//	 | MIME-Version: 1.0
//	 | Content-Type: text/plain; charset=UTF-8
//	 |
//	 | hello
//
// Each line ends in LF. "C: " or "S: " says who sent it. Payload lines are joined by CR LF: a payload that ends in CR LF
// has an empty last line, and an empty payload has none. A byte that is not part of a printable character (which a lone CR
// or LF never is), a blank at the end of a line, and a backslash that would otherwise be taken for the start of such an
// escape are written \xHH, with two upper-case hex digits; every other backslash is itself.
//
// Nothing is hidden: see [Redact].
func FormatCommand(cmd Command, from Side) string {
	b := append([]byte(from.String()), ": "...)
	b = appendEscaped(b, cmd.appendLine(nil, from))
	b = append(b, '\n')
	if len(cmd.Payload) == 0 {
		return string(b)
	}
	for line := range bytes.SplitSeq(cmd.Payload, []byte("\r\n")) {
		b = append(b, " |"...)
		if len(line) > 0 {
			b = append(b, ' ')
			b = appendEscaped(b, line)
		}
		b = append(b, '\n')
	}
	return string(b)
}

// FormatTranscript writes a whole dialogue as [ParseTranscript] reads it. A comment is set off by an empty line.
func FormatTranscript(lines []Line) string {
	var b strings.Builder
	for i, line := range lines {
		if line.Comment != "" {
			if i > 0 {
				b.WriteByte('\n')
			}
			for comment := range strings.SplitSeq(line.Comment, "\n") {
				b.WriteString(strings.TrimRight("# "+comment, " "))
				b.WriteByte('\n')
			}
		}
		if line.Command.Name != "" {
			b.WriteString(FormatCommand(line.Command, line.From))
		}
	}
	return b.String()
}

// ParseTranscript reads a dialogue in the notation of [FormatCommand], in which lines that start with "#" are comments and
// empty lines mean nothing. The commands are those a [Reader] would return. The length on a line must be that of the payload
// below it. Errors name the line.
func ParseTranscript(r io.Reader) ([]Line, error) {
	return parseTranscript(r, transcriptParser{size: -1, client: FromClient, server: FromServer})
}

// ParseTranscript24 reads a dialogue of MSNP24 in the same notation.
func ParseTranscript24(r io.Reader) ([]Line, error) {
	return parseTranscript(r, transcriptParser{size: -1, client: FromClient24, server: FromServer24})
}

func parseTranscript(r io.Reader, p transcriptParser) ([]Line, error) {
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, len(`\xHH`)*(MaxPayload+MaxLine))
	for scan.Scan() {
		p.at++
		if err := p.line(scan.Text()); err != nil {
			return nil, err
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("transcript line %d: %w", p.at+1, err)
	}
	if err := p.endCommand(); err != nil {
		return nil, err
	}
	if closing := strings.Join(p.comment, "\n"); closing != "" {
		p.lines = append(p.lines, Line{Comment: closing})
	}
	return p.lines, nil
}

type transcriptParser struct {
	client, server Side

	lines   []Line
	comment []string
	at      int // line number

	// The payload of the last command: what came, and how much its line announced (-1: none).
	payload []byte
	begun   bool
	size    int
}

func (p *transcriptParser) errorf(format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", errTranscript, p.at, fmt.Sprintf(format, args...))
}

func (p *transcriptParser) line(text string) error {
	if rest, ok := strings.CutPrefix(text, " |"); ok {
		return p.payloadLine(rest)
	}
	if err := p.endCommand(); err != nil {
		return err
	}
	if rest, ok := strings.CutPrefix(text, "#"); ok {
		p.comment = append(p.comment, strings.TrimRight(strings.TrimPrefix(rest, " "), " \r"))
		return nil
	}
	if strings.TrimRight(text, " ") == "" {
		return nil
	}
	from := p.server
	rest, ok := strings.CutPrefix(text, "S: ")
	if !ok {
		from = p.client
		if rest, ok = strings.CutPrefix(text, "C: "); !ok {
			return p.errorf("starts with none of C:, S:, | and #")
		}
	}
	return p.command(strings.TrimRight(string(unescape(rest)), " "), from)
}

func (p *transcriptParser) command(text string, from Side) error {
	if len(text) > MaxLine {
		return p.errorf("longer than %d bytes", MaxLine)
	}
	cmd, size, err := parseLine(text, from, nil)
	if err != nil {
		return fmt.Errorf("transcript line %d: %w", p.at, err)
	}
	p.lines = append(p.lines, Line{From: from, Command: cmd, Comment: strings.Join(p.comment, "\n")})
	p.comment, p.payload, p.begun, p.size = nil, nil, false, size
	return nil
}

func (p *transcriptParser) payloadLine(rest string) error {
	if p.size < 0 {
		return p.errorf("payload of a command that has none")
	}
	if p.begun {
		p.payload = append(p.payload, "\r\n"...)
	}
	p.begun = true
	p.payload = append(p.payload, unescape(strings.TrimPrefix(rest, " "))...)
	if len(p.payload) > p.size {
		return p.errorf("payload is longer than its length, %d", p.size)
	}
	return nil
}

// endCommand closes the payload of the command before the current line.
func (p *transcriptParser) endCommand() error {
	if p.size < 0 {
		return nil
	}
	if len(p.payload) != p.size {
		return p.errorf("the payload before has %d bytes, its length is %d", len(p.payload), p.size)
	}
	p.lines[len(p.lines)-1].Command.Payload = append(make([]byte, 0, p.size), p.payload...)
	p.size = -1
	return nil
}

// appendEscaped appends one line of the notation; see FormatCommand.
func appendEscaped(b, line []byte) []byte {
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		plain := unicode.IsPrint(r) && (r != utf8.RuneError || size > 1)
		switch {
		case r == ' ' && len(line) == 1, r == '\\' && startsEscape(line):
			plain = false
		}
		if plain {
			b = append(b, line[:size]...)
		} else {
			for _, c := range line[:size] {
				b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		line = line[size:]
	}
	return b
}

// startsEscape says whether the line starts with \xHH.
func startsEscape[T []byte | string](line T) bool {
	return len(line) >= 4 && line[0] == '\\' && line[1] == 'x' && upperHex(line[2]) && upperHex(line[3])
}

func upperHex(c byte) bool { return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' }

func unescape(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if startsEscape(s[i:]) {
			c, _ := hexByte(s[i+2], s[i+3])
			b = append(b, c)
			i += 3
			continue
		}
		b = append(b, s[i])
	}
	return b
}
