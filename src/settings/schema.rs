//! The JSON Schema of `.wasmrun.toml`, by which editors complete keys and check values.
//!
//! The form of each value is that of the types that read the file; what a key means is said in `.wasmrun.toml.example` alone.

use super::file::Config;
use languages::Language;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Every key, with its default, commented out, below its meaning.
pub const EXAMPLE: &str = include_str!("../../.wasmrun.toml.example");

/// The schema of a file in which these languages have their sections (draft 2020-12).
pub fn schema(languages: &[&'static dyn Language]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut generator = settings.into_generator();
    let mut root = Value::from(generator.root_schema_for::<Config>());
    let mut sections = Map::new();
    for language in languages {
        if let Some(section) = language.section() {
            sections.insert(language.id().to_owned(), (section.schema)(&mut generator).into());
        }
    }
    let properties = |value: &mut Value| value.as_object_mut().and_then(|object| object.remove("properties"));
    if let Some(Value::Object(own)) = properties(&mut root) {
        sections.extend(own);
    }
    let ids: Vec<&str> = languages.iter().map(|language| language.id()).collect();
    sections["build"]["properties"]["language"] = json!({ "enum": ids });
    let meanings = meanings(EXAMPLE);
    let services = sections.remove("services");
    for (section, form) in &mut sections {
        describe(form, section, &meanings);
    }
    if let Some(mut services) = services {
        let service = &mut services["additionalProperties"];
        if let Some(keys) = service["properties"].as_object_mut() {
            // What a project's file has, it may have, and says the same by it.
            keys.extend(sections.clone());
        }
        describe(service, SERVICE, &meanings);
        service["additionalProperties"] = json!(false);
        sections.insert("services".to_owned(), services);
    }
    root["title"] = json!(super::file::NAME);
    root["description"] = json!("How wasmrun runs this project");
    root["properties"] = Value::Object(sections);
    root["additionalProperties"] = json!(false);
    root
}

/// A table of any service.
const SERVICE: &str = "services.*";

/// Says of each key of a section what it means.
fn describe(form: &mut Value, section: &str, meanings: &BTreeMap<String, String>) {
    let keys = form.get_mut("properties").and_then(Value::as_object_mut);
    for (key, form) in keys.into_iter().flatten() {
        without_null(form);
        if let (Some(form), Some(meaning)) = (form.as_object_mut(), meanings.get(&format!("{section}.{key}"))) {
            form.insert("description".to_owned(), json!(meaning));
        }
    }
}

/// Takes null away, which TOML does not have: a key that is optional is one that may be missing.
fn without_null(form: &mut Value) {
    let Some(form) = form.as_object_mut() else { return };
    form.retain(|key, value| key != "default" || !value.is_null());
    if let Some(Value::Array(types)) = form.get_mut("type") {
        types.retain(|name| name != "null");
    }
    if let Some(Value::Array(choices)) = form.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
}

/// What an example says of each `section.key`: the comment above it. Keys that follow each other share one.
fn meanings(example: &str) -> BTreeMap<String, String> {
    let mut meanings = BTreeMap::new();
    let (mut section, mut text, mut keys) = ("", String::new(), false);
    for line in example.lines() {
        if line.starts_with("#: [services.") {
            (section, keys) = (SERVICE, true);
            continue;
        }
        if let Some(key) = line.strip_prefix("#: ").and_then(|line| line.split(" = ").next()) {
            keys = true;
            meanings.insert(format!("{section}.{key}"), text.clone());
            continue;
        }
        if keys {
            text.clear();
            keys = false;
        }
        match line.strip_prefix("# ") {
            Some(line) if text.is_empty() => text = line.to_owned(),
            Some(line) => text += &format!(" {line}"),
            None => text.clear(),
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
    }
    meanings
}

#[cfg(test)]
mod tests {
    use super::*;
    use languages::registry;

    /// The form of a value, as the schema calls it.
    fn form(value: &toml::Value) -> &'static str {
        match value {
            toml::Value::String(_) => "string",
            toml::Value::Integer(_) => "integer",
            toml::Value::Float(_) => "number",
            toml::Value::Boolean(_) => "boolean",
            _ => "array",
        }
    }

    #[test]
    fn it_has_the_keys_and_values_of_the_example_and_says_what_each_is() {
        let set: String = EXAMPLE
            .lines()
            .map(|line| format!("{}\n", line.strip_prefix("#: ").unwrap_or(line)))
            .collect();
        let mut example: toml::Table = toml::from_str(&set).unwrap();
        let schema = schema(registry::ALL);
        let sections = schema["properties"].as_object().unwrap();
        assert_eq!(sections.len(), example.len(), "{:?}", sections.keys());
        assert_eq!(sections["env"]["additionalProperties"]["type"], "string");
        example.remove("env");
        let services = &sections["services"]["additionalProperties"]["properties"];
        for service in example.remove("services").unwrap().as_table().unwrap().values() {
            for key in service.as_table().unwrap().keys() {
                assert!(services[key].is_object(), "services: {key}");
            }
        }
        for key in ["path", "links", "forwards"] {
            let text = services[key]["description"].as_str().unwrap_or_default();
            assert!(text.len() > 10, "services: {key}: {text}");
        }
        assert_eq!(services["python"], sections["python"]);
        assert_eq!(services["network"], sections["network"]);
        for (section, values) in &example {
            let keys = sections[section]["properties"].as_object().unwrap();
            assert_eq!(sections[section]["additionalProperties"], false, "{section}");
            assert_eq!(
                keys.len(),
                values.as_table().unwrap().len(),
                "{section}: {:?}",
                keys.keys()
            );
            for (key, value) in values.as_table().unwrap() {
                let is = &keys[key];
                assert!(
                    is["description"].as_str().is_some_and(|text| text.len() > 10),
                    "{section}.{key}"
                );
                let text = is.to_string();
                assert!(!text.contains("null"), "{section}.{key}: {text}");
                let fits = match value.as_str() {
                    Some(word) => text.contains("\"string\"") || text.contains(&format!("\"{word}\"")),
                    None => text.contains(form(value)),
                };
                assert!(fits, "{section}.{key} = {value}: {text}");
            }
        }
    }

    #[test]
    fn a_comment_belongs_to_the_keys_below_it() {
        let meanings = meanings("# Of the file.\n\n[a]\n# One\n# two.\n#: b = 1\n#: c = 2\n# Three.\n#: d = 3\n");
        let wanted = [("a.b", "One two."), ("a.c", "One two."), ("a.d", "Three.")];
        assert_eq!(
            meanings,
            wanted.map(|(key, text)| (key.to_owned(), text.to_owned())).into()
        );
    }
}
