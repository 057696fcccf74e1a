//! Reading and writing sockets without copying twice, allocating per chunk or keeping memory for
//! connections that have nothing to say.
//!
//! [`buffer`] lends memory to connections while bytes are about; [`patience`] is the timer of a
//! connection that costs nothing per request; [`body`] says where a body ends; [`pump`] moves one
//! from a socket to another. All of it works on borrowed halves of sockets, so that one task can
//! serve both directions of a request.

pub(crate) mod body;
pub(crate) mod buffer;
pub(crate) mod patience;
pub(crate) mod pump;
pub(crate) mod sink;
