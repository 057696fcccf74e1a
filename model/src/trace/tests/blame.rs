use super::*;

/// `(number of the span, work, from, to)`
fn pieces(spans: &[Span], lines: &[LogLine]) -> Vec<(u64, Work, u64, u64)> {
    let tree = Tree::of(spans);
    explain(&tree, tree.root().unwrap(), &LedgerEntry::read_all(lines))
        .iter()
        .map(|piece| {
            let number = u64::from_be_bytes(*tree.nodes[piece.node].span.span_id.as_bytes());
            (number, piece.work, piece.from_unix_ns, piece.to_unix_ns)
        })
        .collect()
}

fn attempt(number: u64, count: u64, times: (u64, u64)) -> Span {
    let edge = (attribute::EDGE, json!("a -> b"));
    with(span(number, 1, ("gateway", "client"), times), &[edge, (attribute::ATTEMPT, json!(count))])
}

#[test]
fn a_delay_before_the_call_is_cut_from_the_front_and_one_after_it_from_the_back() {
    let request = with(
        span(1, 0, ("gateway", "server"), (0, 100_000)),
        &[(attribute::EDGE, json!("a -> b"))],
    );
    let callee = span(3, 2, ("b", "server"), (50_000, 60_000));
    let spans = [request, attempt(2, 0, (1_000, 99_000)), callee];
    let front = pieces(&spans, &[hit(2, "slow", "attempt", Some(40))]);
    let expected = [
        (1, Work::Queue, 0, 1_000),
        (2, Work::Injected, 1_000, 41_000),
        (2, Work::Transit, 41_000, 50_000),
        (3, Work::Own, 50_000, 60_000),
        (2, Work::Transit, 60_000, 99_000),
        (1, Work::Own, 99_000, 100_000),
    ];
    assert_eq!(front, expected);
    let back = pieces(&spans, &[hit(2, "drip", "response", Some(30))]);
    assert_eq!(
        back[3..5],
        [(2, Work::Transit, 60_000, 69_000), (2, Work::Injected, 69_000, 99_000)]
    );
}

#[test]
fn two_faults_on_one_attempt_own_a_part_each_and_never_more_than_there_is() {
    let spans = [
        with(span(1, 0, ("gateway", "server"), (0, 9_000)), &[(attribute::EDGE, json!("a -> b"))]),
        attempt(2, 0, (0, 9_000)),
    ];
    let lines = [hit(2, "slow", "attempt", Some(4)), hit(2, "slower", "attempt", Some(400))];
    let tree = Tree::of(&spans);
    let pieces = explain(&tree, 0, &LedgerEntry::read_all(&lines));
    let faults: Vec<_> = pieces.iter().map(|it| (it.fault.as_deref(), it.duration_ns())).collect();
    assert_eq!(faults, [(Some("slow"), 4_000), (Some("slower"), 5_000)]);
}

#[test]
fn an_attempt_that_a_fault_ended_is_injected_even_if_the_ledger_knows_no_delay() {
    let blamed = [(attribute::BLAME, json!("injected")), (attribute::FAULT, json!("lost"))];
    let spans = [with(attempt(2, 0, (0, 90)), &blamed)];
    assert_eq!(pieces(&spans, &[]), [(2, Work::Injected, 0, 90)]);
    assert_eq!(pieces(&[attempt(2, 0, (0, 90))], &[]), [(2, Work::Unseen, 0, 90)]);
}

#[test]
fn the_gap_before_a_repetition_is_retry_wait_at_the_gateway_and_in_a_service() {
    let request =
        with(span(1, 0, ("gateway", "server"), (0, 100)), &[(attribute::EDGE, json!("a -> b"))]);
    let spans = [request, attempt(2, 0, (0, 30)), attempt(3, 1, (50, 100))];
    let expected =
        [(2, Work::Unseen, 0, 30), (1, Work::RetryWait, 30, 50), (3, Work::Unseen, 50, 100)];
    assert_eq!(pieces(&spans, &[]), expected);
    let resend = [(attribute::HTTP_RESEND_COUNT, json!(1))];
    let spans = [
        span(1, 0, ("a", "server"), (0, 100)),
        span(2, 1, ("a", "client"), (0, 30)),
        with(span(3, 1, ("a", "client"), (50, 100)), &resend),
    ];
    assert_eq!(pieces(&spans, &[])[1], (1, Work::RetryWait, 30, 50));
}

#[test]
fn a_client_that_has_no_connection_yet_stands_in_a_queue() {
    let mut client = span(1, 0, ("load", "client"), (0, 100));
    let name = "connection ready".to_owned();
    client.events.push(SpanEvent { unix_ns: 20, name, attributes: BTreeMap::new() });
    let spans = [client, span(2, 1, ("b", "server"), (30, 90))];
    let expected = [
        (1, Work::Queue, 0, 20),
        (1, Work::Transit, 20, 30),
        (2, Work::Own, 30, 90),
        (1, Work::Transit, 90, 100),
    ];
    assert_eq!(pieces(&spans, &[]), expected);
}

#[test]
fn edges_are_those_of_the_gateway_or_follow_from_who_called_whom() {
    let mut spans = vec![span(1, 0, ("load", "internal"), (0, 100))];
    spans.extend(call(10, 1, "load -> shop", (10, 90)));
    spans.push(span(20, 13, ("shop", "client"), (20, 60)));
    spans.push(span(21, 20, ("bank", "server"), (30, 50)));
    let tree = Tree::of(&spans);
    let edge = |number: u64| edges_of(&tree)[tree.find(id(number)).unwrap()].clone();
    let shop = Some("load -> shop".to_owned());
    assert_eq!(
        [1, 10, 11, 12, 13, 20].map(edge),
        [None, None, shop.clone(), shop.clone(), shop.clone(), shop]
    );
    assert_eq!(edge(21).as_deref(), Some("shop -> bank"));
}

#[test]
fn the_request_of_a_user_is_the_outermost_call_of_its_journey() {
    let mut spans = vec![span(1, 0, ("load", "internal"), (0, 200))];
    spans.extend(call(10, 1, "load -> cart", (10, 50)));
    spans.extend(call(20, 1, "load -> shop", (60, 190)));
    spans.extend(call(30, 23, "shop -> bank", (70, 180)));
    let tree = Tree::of(&spans);
    let at = |number: u64| tree.find(id(number)).unwrap();
    let shop = UserRequest { outer: at(20), entry: at(21) };
    assert_eq!(UserRequest::above(&tree, at(33)), shop);
    assert_eq!(UserRequest::all(&tree), [UserRequest { outer: at(10), entry: at(11) }, shop]);
    assert_eq!(shop.sort(&tree), "load span 20");
}

#[test]
fn the_band_around_p99_is_p98_to_p99_5_and_never_too_small() {
    for (requests, quantile, first, end) in [
        (10_000, 0.99, 9_800, 9_950),
        (1_000, 0.5, 450, 525),
        (100, 0.99, 90, 100),
        (4, 0.99, 0, 4),
        (0, 0.5, 0, 0),
        (1_000, 1.0, 990, 1_000),
    ] {
        let band = QuantileBand { first, end };
        assert_eq!(quantile_band(requests, quantile), band, "{requests} at {quantile}");
    }
}

proptest! {
    #[test]
    fn blame_adds_up_to_the_nanosecond_whatever_the_traces_are(
        traces in prop::collection::vec(any_spans(), 1..4),
        delays in prop::collection::vec((1_u64..12, 0_u64..2, any::<bool>()), 0..4),
    ) {
        let lines: Vec<LogLine> = delays
            .iter()
            .map(|(at, us, first)| hit(*at, "f", if *first { "attempt" } else { "body" }, Some(*us)))
            .collect();
        let ledger = LedgerEntry::read_all(&lines);
        let (mut blame, mut halves, mut durations) = (Blame::default(), Blame::default(), 0);
        for spans in &traces {
            let tree = Tree::of(spans);
            for root in &tree.roots {
                let pieces = explain(&tree, *root, &ledger);
                let mut at = tree.nodes[*root].start_unix_ns;
                for piece in &pieces {
                    prop_assert_eq!(piece.from_unix_ns, at);
                    at = piece.to_unix_ns;
                }
                prop_assert_eq!(at, tree.nodes[*root].end_unix_ns);
                durations += tree.nodes[*root].duration_ns();
                blame.add(&tree, &pieces);
                let mut one = Blame::default();
                one.add(&tree, &pieces);
                halves.merge(&one);
            }
        }
        prop_assert_eq!(blame.total_ns(), durations);
        let sum = |lines: Vec<u64>| lines.iter().sum::<u64>();
        prop_assert_eq!(sum(blame.lines().iter().map(|it| it.total_ns).collect()), durations);
        let by_service = blame.by(|key| key.service.clone());
        prop_assert_eq!(sum(by_service.iter().map(|it| it.total_ns).collect()), durations);
        prop_assert_eq!(blame, halves);
    }
}
