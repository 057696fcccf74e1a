use super::*;

const TRACES: Signal = Signal::Traces;
const LOGS: Signal = Signal::Logs;

fn parse(text: &str, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::parse(text, &env, "tester/1")
}

fn uri(text: &str, env: &[(&str, &str)], signal: Signal) -> (String, String) {
    let settings = parse(text, env).unwrap();
    let target = settings.target(signal);
    (target.authority.clone(), target.uri.to_string())
}

#[test]
fn ex1_every_standard_variable_is_read() {
    let settings = parse(
        "http://localhost:4317/",
        &[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20b, x-tenant = t=1"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", " 2500 "),
        ],
    )
    .unwrap();
    let target = settings.target(TRACES);
    assert_eq!(target.protocol, Protocol::Grpc);
    assert_eq!(target.headers["x-api-key"], "a b");
    assert_eq!(target.headers["x-tenant"], "t=1");
    assert_eq!(target.compression, Some(Compression::Gzip));
    assert_eq!(target.timeout, Duration::from_millis(2_500));
    assert_eq!((settings.name(), settings.shares_secrets()), ("localhost:4317", true));
}

#[test]
fn ex1_the_defaults_are_those_of_the_specification() {
    let settings = parse("http://backend", &[]).unwrap();
    for signal in Signal::ALL {
        let target = settings.target(signal);
        assert_eq!((target.protocol, target.compression), (Protocol::HttpProtobuf, None));
        assert_eq!(target.timeout, Duration::from_secs(10));
        let limits = (target.request_bytes_max, target.answer_bytes_max);
        assert_eq!(limits, (64 * 1024 * 1024, 4 * 1024 * 1024));
        assert!(target.headers.is_empty() && target.tls.is_none());
    }
    assert!(!settings.shares_secrets());
}

#[test]
fn ex1_a_setting_for_one_signal_wins_there_and_only_there() {
    let env = [
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b"),
        ("OTEL_EXPORTER_OTLP_TRACES_MAX_RESPONSE_BYTES", "9"),
    ];
    let settings = parse("http://backend", &env).unwrap();
    let (traces, logs) = (settings.target(TRACES), settings.target(LOGS));
    assert_eq!((traces.compression, logs.compression), (Some(Compression::Gzip), None));
    assert_eq!((traces.protocol, logs.protocol), (Protocol::HttpJson, Protocol::HttpProtobuf));
    assert_eq!((traces.timeout.as_millis(), logs.timeout.as_secs()), (1, 10));
    assert_eq!((traces.headers.len(), logs.headers.len()), (1, 0));
    assert_eq!((traces.answer_bytes_max, logs.answer_bytes_max), (9, ANSWER_BYTES_MAX));
}

#[test]
fn ex1_what_is_written_wins_over_variables() {
    let env = [("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "7")];
    let text = "http://backend compression=zstd traces-compression=none in-flight=9";
    let settings = parse(text, &env).unwrap();
    assert_eq!(settings.target(TRACES).compression, None);
    let logs = settings.target(LOGS);
    assert_eq!((logs.compression, logs.in_flight), (Some(Compression::Zstd), 9));
    assert_eq!(logs.timeout.as_millis(), 7);
}

#[test]
fn ex1_a_named_backend_has_variables_of_its_own() {
    let env = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=everybody"),
        ("OTEL_EXPORTER_OTLP_TEMPO_EU_HEADERS", "authorization=tempo"),
        ("OTEL_EXPORTER_OTLP_TEMPO_EU_LOGS_PROTOCOL", "grpc"),
    ];
    let settings = parse("http://backend name=tempo-eu", &env).unwrap();
    assert_eq!(settings.target(TRACES).headers["authorization"], "tempo");
    assert_eq!(settings.target(LOGS).protocol, Protocol::Grpc);
    assert_eq!((settings.name(), settings.shares_secrets()), ("tempo-eu", false));
}

#[test]
fn ex1_insecure_decides_for_grpc_endpoints_without_a_scheme_alone() {
    let bare = "backend:4317 protocol=grpc insecure=true";
    assert!(parse(bare, &[]).unwrap().target(TRACES).tls.is_none());
    let written = "http://backend:4317 protocol=grpc insecure=false";
    assert!(parse(written, &[]).unwrap().target(TRACES).tls.is_none());
    let http = parse("backend:4317 insecure=true", &[]);
    assert!(matches!(http, Err(SettingsError::Endpoint { .. })));
}

#[test]
fn ex2_a_base_gets_the_path_of_the_signal_and_an_endpoint_of_one_signal_nothing() {
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t:1/custom/");
    let root = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t");
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:2/x/");
    for (text, env, signal, authority, path) in [
        ("http://h:3", &[][..], TRACES, "h:3", "/v1/traces"),
        ("http://h:3/", &[], LOGS, "h:3", "/v1/logs"),
        ("http://h:3/a/b/", &[], Signal::Metrics, "h:3", "/a/b/v1/metrics"),
        ("http://[::1]:4318", &[], TRACES, "[::1]:4318", "/v1/traces"),
        ("env", &[base], LOGS, "b:2", "/x/v1/logs"),
        ("env", &[base, own], TRACES, "t:1", "/custom/"),
        ("env", &[base, own], LOGS, "b:2", "/x/v1/logs"),
        ("env", &[base, root], TRACES, "t:80", "/"),
        ("http://h:3", &[base, own], TRACES, "h:3", "/v1/traces"),
        ("http://h:3 traces-endpoint=http://w/q", &[base, own], TRACES, "w:80", "/q"),
    ] {
        let expected = (authority.to_owned(), path.to_owned());
        assert_eq!(uri(text, env, signal), expected, "{text} {env:?}");
    }
}

#[test]
fn ex2_the_port_of_the_scheme_counts_when_none_is_written() {
    assert_eq!(uri("http://h", &[], TRACES).0, "h:80");
    let endpoint = Endpoint::parse("https://h/", None).unwrap();
    assert_eq!((&*endpoint.authority, endpoint.tls), ("h:443", true));
    assert_eq!(endpoint.host, "h");
}

#[test]
fn ex3_headers_are_a_list_whose_values_are_percent_decoded() {
    let headers = |text: &str| {
        let env = [("OTEL_EXPORTER_OTLP_HEADERS", text)];
        parse("http://h", &env).map(|settings| settings.target(LOGS).headers.clone())
    };
    let read = headers("a=1,, b = %C3%BC%2C ,a=2;p").unwrap();
    let all: Vec<&[u8]> = read.get_all("a").iter().map(HeaderValue::as_bytes).collect();
    assert_eq!(all, [&b"1"[..], b"2;p"], "a semicolon belongs to the value");
    assert_eq!(read["b"].as_bytes(), "ü,".as_bytes());
    assert!(read.values().all(HeaderValue::is_sensitive), "never shown");
    for wrong in ["novalue", "a=%", "a=%zz", "a b=c", "=x"] {
        let refused = headers(wrong).unwrap_err().to_string();
        assert!(refused.starts_with("OTEL_EXPORTER_OTLP_HEADERS must be"), "{refused}");
    }
    let secret = headers("token:hunter2=%").unwrap_err().to_string();
    assert!(!secret.contains('%'), "{secret}");
}

#[test]
fn what_is_wrong_is_refused_with_its_name_and_what_was_expected() {
    for endpoint in
        ["", "backend:4318", "ftp://backend", "http://", "http://backend/?x=1", "http://h:0", "/v1"]
    {
        let refused = parse(endpoint, &[]);
        assert!(matches!(refused, Err(SettingsError::Endpoint { .. })), "{endpoint}");
    }
    for (name, value) in [
        ("PROTOCOL", "http"),
        ("COMPRESSION", "br"),
        ("TIMEOUT", "0"),
        ("TRACES_TIMEOUT", "1s"),
        ("INSECURE", "yes"),
        ("LOGS_IN_FLIGHT", "0"),
    ] {
        let name = format!("{PREFIX}_{name}");
        let text = parse("http://backend", &[(&name, value)]).unwrap_err().to_string();
        assert!(text.starts_with(&format!("{name} must be ")) && text.contains(value), "{text}");
    }
    let text = parse("http://backend compresion=gzip", &[]).unwrap_err().to_string();
    assert!(text.contains("compresion") && text.contains("compression"), "{text}");
    let text = parse("env", &[]).unwrap_err().to_string();
    assert!(text.contains("OTEL_EXPORTER_OTLP_ENDPOINT is not set"), "{text}");
    let text = parse("http://me:hunter2@backend", &[]).unwrap_err().to_string();
    assert!(text.contains("header") && !text.contains("hunter2"), "{text}");
    assert!(help().lines().count() == variables::SETTINGS.len());
}

#[test]
fn files_of_certificates_are_checked_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not-pem");
    std::fs::write(&path, "hello").unwrap();
    let path = path.display();
    for (settings, expected) in [
        (format!("certificate={path}"), "must hold certificates"),
        (format!("certificate={path}.missing"), "cannot read"),
        (format!("client-key={path}"), "must be given together"),
        (format!("client-key={path} client-certificate={path}"), "in PEM"),
    ] {
        let text = parse(&format!("https://backend {settings}"), &[]).unwrap_err().to_string();
        assert!(text.contains(expected), "{settings}: {text}");
    }
}
