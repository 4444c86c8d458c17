//! Any text is a forward rule or an error, and what a rule displays as is the same rule.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(rule) = text.parse::<netns::Rule>() {
        let again: netns::Rule = rule.to_string().parse().expect("what is displayed is a rule");
        assert_eq!(again, rule);
        assert!(rule.mappings().count() >= 1);
        assert!(rule.mappings().all(|mapping| mapping.guest != 0));
    }
});
