//! Edges that carry any TCP protocol: bytes pass through, faults act on the bytes.
