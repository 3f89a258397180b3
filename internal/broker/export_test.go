package broker

// ReadIdentities is for the fuzzer.
var ReadIdentities = readIdentities
