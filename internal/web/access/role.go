package access

// Role is what somebody may do. A higher one may do what the lower ones may.
type Role int

// The roles. The zero Role is none of them, so that a route that was forgotten is open to nobody.
const (
	Unset  Role = iota
	Nobody      // did not say who they are: probes
	Viewer      // reads everything that the service tells
	Admin       // looks into the process, too
)

// String is the role's name in the configuration and in the documents.
func (r Role) String() string {
	switch r {
	case Nobody:
		return "none"
	case Viewer:
		return "viewer"
	case Admin:
		return "admin"
	case Unset:
	}
	return "unset"
}
