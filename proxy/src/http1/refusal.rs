//! Why a message is refused. One table, so that status and words agree.
//!
//! The status is what a caller gets for its request. A response that is refused is garbage from the
//! callee, and which status that makes is not decided here.

macro_rules! refusals {
    ($($variant:ident = $status:literal $text:literal,)+) => {
        /// Why a message is refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
        #[error("{}", self.text())]
        pub(crate) enum Refusal {
            $($variant,)+
        }

        impl Refusal {
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub(crate) fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)+
                }
            }

            pub(crate) fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

refusals! {
    EmptyLines = 400 "empty lines where a request should begin",
    Tls = 400 "TLS on a port for plain HTTP",
    Http2 = 505 "the preface of HTTP/2 on a port for HTTP/1.1",
    Method = 400 "the method is not a token",
    LongMethod = 501 "the method is longer than any that is known",
    Target = 400 "the target holds a space, a control or a non-ASCII character",
    TargetForm = 400 "the target has a form that its method does not allow",
    LongTarget = 414 "the request line is too long",
    Version = 400 "the request line does not end with an HTTP version",
    OtherVersion = 505 "the HTTP version is neither 1.0 nor 1.1",
    StatusLine = 400 "the status line is malformed",
    InformationalBody = 400 "a 1xx response that announces a body",
    BareCr = 400 "a CR without LF",
    BareLf = 400 "a line ends with LF alone",
    Folded = 400 "a field line begins with white space",
    FieldName = 400 "a field name is not a token",
    SpaceBeforeColon = 400 "white space between a field name and its colon",
    FieldValue = 400 "a field value holds a control character",
    LongHead = 431 "the head is too long",
    ManyFields = 431 "the head has too many fields",
    NoHost = 400 "an HTTP/1.1 request without Host",
    ManyHosts = 400 "more than one Host",
    Host = 400 "the host is malformed",
    Length = 400 "Content-Length is not a number",
    Lengths = 400 "several Content-Length that differ",
    LengthAndCoding = 400 "both Content-Length and Transfer-Encoding",
    CodingNotChunked = 400 "Transfer-Encoding does not end with one chunked",
    OtherCoding = 501 "Transfer-Encoding names a coding besides chunked",
    CodingInOldVersion = 400 "Transfer-Encoding in an HTTP/1.0 message",
    ChunkSize = 400 "the size of a chunk is not a hexadecimal number",
    LongChunkSize = 400 "the size of a chunk has more than 16 digits",
    ChunkExtension = 400 "the extensions of chunks are malformed or too long",
    ChunkEnd = 400 "the data of a chunk does not end with CR LF",
    LongTrailers = 431 "the trailers are too long",
    ManyTrailers = 431 "too many trailers",
}
