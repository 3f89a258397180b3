package replay_test

import "flag"

// effort is with how much a story is compared beside what it prints. Mutation testing asks for less
// first: a mutant that prints a wrong number needs no second machine to be found out.
//
//	print  nothing
//	some   itself from scratch, two orders, three ways, replay
//	all    everything; what an ordinary run does
var effort = flag.String("effort", "all", "what stories are compared with: print, some or all")
