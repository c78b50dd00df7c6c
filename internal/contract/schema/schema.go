// Package schema is the form of requests.json: what the contract allows in each operation's JSON body, with every
// reference, allOf, anyOf and oneOf resolved into "which kinds of JSON value may stand here". The generator writes it
// and package contract reads it. Places refer to each other by index, because some of the contract's types contain
// themselves.
package schema

// File is the whole of requests.json.
type File struct {
	Operations map[string]Operation `json:"operations"` // by operationId
	Nodes      []Node               `json:"nodes"`
	Objects    []Object             `json:"objects"`
}

// Operation is one request body.
type Operation struct {
	Node     int  `json:"node"`
	Optional bool `json:"optional,omitzero"` // an empty body is as good as {}
}

// Node is a place where a value stands. The value's kind must be one of those present here; several Arrays or Objects
// are alternatives.
type Node struct {
	Any     bool    `json:"any,omitzero"` // anything goes; the other fields are empty
	Null    bool    `json:"null,omitzero"`
	Bool    bool    `json:"bool,omitzero"`
	String  *String `json:"string,omitzero"`
	Number  *Number `json:"number,omitzero"`
	Arrays  []Array `json:"arrays,omitzero"`
	Objects []int   `json:"objects,omitzero"`
	Tag     *Tag    `json:"tag,omitzero"`  // tells several Objects apart
	Name    string  `json:"name,omitzero"` // the vendor's words for what is expected, where they differ from the kind's
}

// String is the rule for strings; a zero limit is no limit.
type String struct {
	Enum    []string `json:"enum,omitzero"` // in the order in which an error lists them
	Min     int      `json:"min,omitzero"`  // in characters
	Max     int      `json:"max,omitzero"`
	Pattern string   `json:"pattern,omitzero"`
}

// Number is the rule for numbers.
type Number struct {
	Integer bool     `json:"integer,omitzero"`
	Min     *float64 `json:"min,omitzero"`
	Max     *float64 `json:"max,omitzero"`
	Above   bool     `json:"above,omitzero"` // Min itself is too small
}

// Array is the rule for arrays; a zero limit is no limit.
type Array struct {
	Items int `json:"items"`
	Min   int `json:"min,omitzero"`
	Max   int `json:"max,omitzero"`
}

// Object is the rule for objects. Members that are not among Props are judged by Values, or tolerated without it.
type Object struct {
	Props  []Prop     `json:"props,omitzero"` // in the order in which breaches are reported
	Values *int       `json:"values,omitzero"`
	Max    int        `json:"max,omitzero"`     // most members; zero is no limit
	MaxKey int        `json:"max_key,omitzero"` // longest member name in characters; zero is no limit
	Sets   [][]string `json:"sets,omitzero"`    // at least one of these sets of members must be there
	Late   *Late      `json:"late,omitzero"`
}

// Prop is a member that the contract knows.
type Prop struct {
	Name     string `json:"name"`
	Node     int    `json:"node"`
	Required bool   `json:"required,omitzero"`
	Missing  string `json:"missing,omitzero"` // the vendor's own sentence for its absence; null and "" are absent too
}

// Late is a demand that is only looked at when nothing else is wrong with the body.
type Late struct {
	AnyOf   []string `json:"any_of"` // one of these members must be there and not null
	Message string   `json:"message"`
	Param   string   `json:"param"` // the member that Message is about
}

// Tag is the member that tells which of several objects is meant.
type Tag struct {
	Name   string  `json:"name"`
	Values []Value `json:"values"`          // in the order in which an error lists them
	Absent []int   `json:"absent,omitzero"` // objects that do not insist on the tag
	Other  []int   `json:"other,omitzero"`  // objects whose tag is not fixed
}

// Value is one value of a Tag, and the objects that it stands for, as indexes into Node.Objects.
type Value struct {
	Value   string `json:"value"`
	Objects []int  `json:"objects"`
}
