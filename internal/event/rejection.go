package event

// Reason is the closed set of causes for which an event is not accepted. It is a metric label.
type Reason string

// The rejection reasons (spec: events, section 3).
const (
	ReasonTooLarge             Reason = "too_large"
	ReasonNotJSON              Reason = "not_json"
	ReasonTooDeep              Reason = "too_deep"
	ReasonUnknownType          Reason = "unknown_type"
	ReasonMissingField         Reason = "missing_field"
	ReasonBadField             Reason = "bad_field"
	ReasonBadAmount            Reason = "bad_amount"
	ReasonBadCurrency          Reason = "bad_currency"
	ReasonBadTime              Reason = "bad_time"
	ReasonMissingRate          Reason = "missing_rate"
	ReasonFutureTime           Reason = "future_time"
	ReasonBeyondHorizon        Reason = "beyond_horizon"
	ReasonConflictingDuplicate Reason = "conflicting_duplicate"
	ReasonAccountTooLarge      Reason = "account_too_large"
	ReasonUnknownSchema        Reason = "unknown_schema"
	ReasonUndecodableSchema    Reason = "undecodable_schema"
)

// Reasons are all of them.
var Reasons = []Reason{
	ReasonTooLarge, ReasonNotJSON, ReasonTooDeep, ReasonUnknownType, ReasonMissingField, ReasonBadField, ReasonBadAmount, ReasonBadCurrency,
	ReasonBadTime, ReasonMissingRate, ReasonFutureTime, ReasonBeyondHorizon, ReasonConflictingDuplicate, ReasonAccountTooLarge,
	ReasonUnknownSchema, ReasonUndecodableSchema,
}

// Rejection says why a record was not accepted. It is a value, never an error: a bad record goes
// to the dead-letter topic and the stream goes on.
type Rejection struct {
	Reason  Reason
	Detail  string // the field, as in data.items[0].unit_price; or kept: this|other
	Time    Time   // the record's own time where it could be read
	HasTime bool
}
