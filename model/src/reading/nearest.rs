//! "Did you mean": the known name that a mistyped one most likely stands for.

/// The nearest of `known`, when it is near enough to be worth saying.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower: String = written.chars().take(128).flat_map(char::to_lowercase).collect();
    let allowed = (lower.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// End of a message about an unknown name: the nearest one, or all when none is near.
pub fn hint<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(written, known.clone()) {
        Some(name) => format!("; did you mean \"{name}\"?"),
        None => {
            let all: Vec<&str> = known.into_iter().collect();
            if all.is_empty() {
                "; there is none".to_owned()
            } else {
                format!("; known: {}", all.join(", "))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_foreign_one_finds_none() {
        let known = ["share", "schedule", "name"];
        assert_eq!(nearest("shaer", known), Some("share"));
        assert_eq!(nearest("Name", known), Some("name"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(hint("colour", known), "; known: share, schedule, name");
        assert_eq!(hint("colour", []), "; there is none");
    }
}
