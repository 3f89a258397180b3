package broker

import "encoding/binary"

// Fields reads the fixed-size fields of an answer. A read past the end sets Broken and gives zero.
type Fields struct {
	Rest   []byte
	Broken bool
}

// Fail gives up: whatever is read from now on is zero.
func (d *Fields) Fail() { d.Broken, d.Rest = true, nil }

// Take reads n bytes, which it does not copy; nil when there are not so many.
func (d *Fields) Take(n int) []byte {
	if n < 0 || n > len(d.Rest) {
		d.Fail()
		return nil
	}
	b := d.Rest[:n]
	d.Rest = d.Rest[n:]
	return b
}

// Int16 reads two bytes.
func (d *Fields) Int16() int16 {
	if b := d.Take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Int32 reads four bytes.
func (d *Fields) Int32() int32 {
	if b := d.Take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}
