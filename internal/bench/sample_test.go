package bench

import (
	"slices"
	"time"
)

// sample is how long each round of one thing took.
type sample []time.Duration

// at is the smallest duration that the given share of the rounds did not exceed (nearest rank): 0.5 is the median of an odd number.
func (s sample) at(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	rank := int(share * float64(len(sorted)))
	if float64(rank) == share*float64(len(sorted)) && rank > 0 {
		rank--
	}
	return sorted[rank]
}

func (s sample) median() time.Duration { return s.at(0.5) }

func (s sample) p99() time.Duration { return s.at(0.99) }

// plus adds samples round by round: things done one after the other.
func (s sample) plus(others ...sample) sample {
	sum := slices.Clone(s)
	for _, other := range others {
		for i := range sum {
			sum[i] += other[i]
		}
	}
	return sum
}

// alternate runs the parts by turns, A B A B, so that a machine that is slow for a while is slow for all of them. The first
// warm rounds are not counted: connections are made in them, caches filled.
func alternate(rounds, warm int, parts ...func() time.Duration) []sample {
	taken := make([]sample, len(parts))
	for round := range warm + rounds {
		for i, part := range parts {
			if took := part(); round >= warm {
				taken[i] = append(taken[i], took)
			}
		}
	}
	return taken
}
