package oim

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/matrix-msn/matrix-msn/msn/internal/soap"
)

// desk answers requests from a list, and keeps what was asked.
type desk struct {
	answers []answer
	asked   []string
}

type answer struct {
	status int
	body   string
}

func (d *desk) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	d.asked = append(d.asked, r.Header.Get("SOAPAction")+"\n"+string(body))
	if len(d.answers) == 0 {
		return nil, errors.New("asked too often")
	}
	a := d.answers[0]
	d.answers = d.answers[1:]
	rec := httptest.NewRecorder()
	rec.WriteHeader(a.status)
	_, _ = rec.WriteString(a.body)
	return rec.Result(), nil
}

func envelope(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func refusal(code, detail string) answer {
	return answer{500, envelope(`<soap:Fault><faultcode xmlns:q0="x">q0:` + code + `</faultcode><faultstring>no</faultstring><detail>` + detail + `</detail></soap:Fault>`)}
}

var stored = answer{200, envelope(`<StoreResponse xmlns="http://messenger.msn.com/ws/2004/09/oim/"><PointsConsumed>0</PointsConsumed></StoreResponse>`)}

// longName is cut in its last letter but three if it is cut by bytes alone.
var longName = "Alice " + strings.Repeat("é", 30)

func sender(d *desk) *Sender {
	return &Sender{
		Caller: &soap.Caller{HTTP: &http.Client{Transport: d}}, URL: "https://example.com/OimWS/oim.asmx", Passport: "alice@example.com",
		FriendlyName: func() string { return longName }, Ticket: func() string { return "t=TICKET&p=" },
		ProductID: "PROD0119GSJUC$18", Challenge: func(c string) string { return "key-of-" + c }, Version: "MSNP15", BuildVersion: "8.5.1302", Store2: true,
	}
}

func fetcher(d *desk) *Fetcher {
	return &Fetcher{
		Caller: &soap.Caller{HTTP: &http.Client{Transport: d}}, URL: "https://example.com/rsi/rsi.asmx",
		Ticket: func() (string, string) { return "SECRET&T", "PVALUE" },
	}
}
