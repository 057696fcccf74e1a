//! HTTP/1.1 of our own: heads, framing, chunks.
