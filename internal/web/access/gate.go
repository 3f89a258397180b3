package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/bcrypt"
)

// Why a request is not let in.
var (
	// ErrUnauthenticated says that a request does not say who asks, or not rightly.
	ErrUnauthenticated = errors.New("who asks is not known: send a user's name and password, or a bearer token, of http.web_config_file")
	// ErrBusy says that too many passwords wait to be checked.
	ErrBusy = errors.New("too many passwords wait to be checked")
	// ErrRate says that requests come faster than rate_limit allows.
	ErrRate = errors.New("requests come faster than rate_limit allows")
)

// Checking a password takes a processor tens of milliseconds. One is checked at a time, so that strangers
// who try passwords take no more than one processor from the figures; some wait, and the others are
// turned away.
const (
	passwordsWaiting = 16
	verdictsMax      = 512 // that are remembered, right ones and wrong ones apart
)

// Role is what the sender of a request may do: Viewer or Admin, with ErrUnauthenticated Nobody. Without
// authentication everybody is a Viewer.
func (g *Gate) Role(r *http.Request) (Role, error) {
	s := g.now()
	if s == nil {
		return Viewer, nil
	}
	if s.limiter != nil && !s.limiter.Allow() {
		return Nobody, ErrRate
	}
	byCertificate := s.certificateRole(r)
	if len(s.users) == 0 && len(s.tokens) == 0 {
		return max(byCertificate, Viewer), nil // a handshake that is demanded has let nobody else in
	}
	name, password, isBasic := r.BasicAuth()
	switch {
	case isBasic:
		role, err := g.userRole(s, name, password)
		return certified(role, byCertificate), err
	default:
		role, err := s.tokenRole(r.Header.Get("Authorization"))
		return certified(role, byCertificate), err
	}
}

// certified is the higher of two roles, for those who are let in.
func certified(role, byCertificate Role) Role {
	if role < Viewer {
		return role
	}
	return max(role, byCertificate)
}

// certificateRole is that of a verified certificate; Nobody without one.
func (s *state) certificateRole(r *http.Request) Role {
	switch {
	case r.TLS == nil || len(r.TLS.VerifiedChains) == 0:
		return Nobody
	case hasSAN(r.TLS.PeerCertificates[0], s.file.Admins.ClientSANs):
		return Admin
	default:
		return Viewer
	}
}

// userRole is that of a user with a password.
func (g *Gate) userRole(s *state, name, password string) (Role, error) {
	hash, known := s.users[name]
	if !known { // takes as long as a wrong password of a user who exists, so that nobody learns who does
		hash = s.anyHash
	}
	if hash == "" {
		return Nobody, ErrUnauthenticated
	}
	right, err := g.passwords.check(hash, password)
	switch {
	case err != nil:
		return Nobody, err
	case !right || !known:
		return Nobody, ErrUnauthenticated
	case slices.Contains(s.file.Admins.Users, name):
		return Admin, nil
	default:
		return Viewer, nil
	}
}

// tokenRole is that of the token in a header. All tokens are compared, so that the time tells nothing.
func (s *state) tokenRole(header string) (Role, error) {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return Nobody, ErrUnauthenticated
	}
	sum := sha256.Sum256([]byte(token))
	role, err := Nobody, ErrUnauthenticated
	for i := range s.tokens {
		if subtle.ConstantTimeCompare(sum[:], s.tokens[i].sum) == 1 {
			role, err = s.tokens[i].role, nil
		}
	}
	return role, err
}

// Challenges are the values of WWW-Authenticate for those who are turned away.
func (g *Gate) Challenges() (values []string) {
	s := g.now()
	if s == nil {
		return nil
	}
	if len(s.users) > 0 {
		values = append(values, `Basic realm="processor", charset="UTF-8"`)
	}
	if len(s.tokens) > 0 {
		values = append(values, `Bearer realm="processor"`)
	}
	return values
}

// token is a bearer token as it is compared.
type token struct {
	sum  []byte
	role Role
}

func tokensOf(f *file) (tokens []token) {
	for _, t := range f.Tokens {
		sum, _ := hex.DecodeString(t.SHA256) // was checked
		one := token{sum: sum, role: Viewer}
		if t.Role == Admin.String() {
			one.role = Admin
		}
		tokens = append(tokens, one)
	}
	return tokens
}

// costliest is the hash that takes longest to compare, "" without users.
func costliest(users map[string]string) (hash string) {
	most := -1
	for _, name := range slices.Sorted(maps.Keys(users)) {
		if cost, _ := bcrypt.Cost([]byte(users[name])); cost > most {
			most, hash = cost, users[name]
		}
	}
	return hash
}

// passwords compares passwords with hashes and remembers how it went. What it remembers is keyed with a
// secret of this process, so that no memory dump tells a password.
type passwords struct {
	turn    chan struct{} // of the one that is being checked
	waiting chan struct{}

	mu    sync.Mutex
	key   [32]byte
	right map[[32]byte]struct{}
	wrong map[[32]byte]struct{}
}

func newPasswords() *passwords {
	p := &passwords{
		turn: make(chan struct{}, 1), waiting: make(chan struct{}, passwordsWaiting),
		right: map[[32]byte]struct{}{}, wrong: map[[32]byte]struct{}{},
	}
	_, _ = rand.Read(p.key[:]) // never fails
	return p
}

func (p *passwords) check(hash, password string) (right bool, err error) {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(hash)) // of a fixed length
	mac.Write([]byte(password))
	key := [32]byte(mac.Sum(nil))
	if was, known := p.recall(key); known {
		return was, nil
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return false, ErrBusy
	}
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	if was, known := p.recall(key); known { // while it waited
		return was, nil
	}
	right = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	p.remember(key, right)
	return right, nil
}

func (p *passwords) recall(key [32]byte) (right, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, right = p.right[key]; right {
		return true, true
	}
	_, known = p.wrong[key]
	return false, known
}

func (p *passwords) remember(key [32]byte, right bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	verdicts := p.wrong
	if right {
		verdicts = p.right
	}
	if len(verdicts) >= verdictsMax {
		clear(verdicts)
	}
	verdicts[key] = struct{}{}
}
