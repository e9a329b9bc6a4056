module palisade.dev/bench/peer

go 1.23
