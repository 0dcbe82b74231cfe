//! Made-up settings: values that a policy's JSON Schema allows, as far as it can be read; the policy has the last word.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// Maximum depth of values.
const DEPTH: usize = 5;
/// Maximum number of items of a list and keys of a map that a schema leaves open.
const ITEMS: u64 = 3;

/// Makes up settings; none without a schema.
pub(super) fn settings(schema: Option<&Value>, words: &[String]) -> BoxedStrategy<Value> {
    let none = Just(json!({})).boxed();
    let Some(schema) = schema else { return none };
    // When a finding is made smaller, it is first tried without any settings.
    prop_oneof![1 => none, 3 => Reader { root: schema, words }.value(schema, DEPTH)].boxed()
}

struct Reader<'a> {
    root: &'a Value,
    words: &'a [String],
}

impl Reader<'_> {
    fn value(&self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let own = self.of_type(schema, depth);
        let named: Vec<Value> = ["default", "examples"].iter().filter_map(|key| schema.get(*key).cloned()).collect();
        let named: Vec<Value> = named
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(items) if schema.get("type") != Some(&json!("array")) => items,
                other => vec![other],
            })
            .collect();
        if named.is_empty() { own } else { prop_oneof![1 => select(named), 3 => own].boxed() }
    }

    fn of_type(&self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let get = |key: &str| schema.get(key);
        if depth == 0 {
            return Just(Value::Null).boxed();
        }
        if let Some(value) = get("const") {
            return Just(value.clone()).boxed();
        }
        if let Some(values) = get("enum").and_then(Value::as_array).filter(|values| !values.is_empty()) {
            return select(values.clone()).boxed();
        }
        if let Some(pointer) = get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) {
            return self.root.pointer(pointer).map_or(Just(Value::Null).boxed(), |found| self.value(found, depth - 1));
        }
        for key in ["anyOf", "oneOf", "allOf"] {
            if let Some(schemas) = get(key).and_then(Value::as_array).filter(|schemas| !schemas.is_empty()) {
                return Union::new(schemas.iter().map(|schema| self.value(schema, depth - 1))).boxed();
            }
        }
        let types: Vec<&str> = match get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if get("properties").is_some() => vec!["object"],
            _ => vec!["string", "integer", "boolean", "null"],
        };
        if types.is_empty() {
            return Just(Value::Null).boxed();
        }
        Union::new(types.into_iter().map(|word| self.of_word(word, schema, depth))).boxed()
    }

    fn of_word(&self, word: &str, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        match word {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => self.string(schema),
            "integer" => integer(schema).prop_map(Value::from).boxed(),
            "number" => {
                prop_oneof![integer(schema).prop_map(|whole| json!(whole as f64)), (0.0..1.0_f64).prop_map(Value::from)]
                    .boxed()
            }
            "boolean" => any::<bool>().prop_map(Value::from).boxed(),
            _ => Just(Value::Null).boxed(),
        }
    }

    fn object(&self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let required = |name: &str| {
            schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name))
        };
        let properties = schema.get("properties").and_then(Value::as_object);
        let fields: Vec<_> = properties
            .into_iter()
            .flatten()
            .map(|(name, of)| {
                let (key, value) = (name.clone(), self.value(of, depth - 1));
                if required(name) {
                    return value.prop_map(move |value| Some((key.clone(), value))).boxed();
                }
                option::weighted(0.6, value).prop_map(move |value| Some((key.clone(), value?))).boxed()
            })
            .collect();
        let others = match schema.get("additionalProperties") {
            Some(of @ Value::Object(_)) => self.others(self.value(of, depth - 1)),
            Some(Value::Bool(false)) => Just(Vec::new()).boxed(),
            _ if properties.is_some() => Just(Vec::new()).boxed(),
            _ => self.others(any::<bool>().prop_map(Value::from).boxed()),
        };
        (others, fields)
            .prop_map(|(others, fields)| {
                let all: Map<String, Value> = others.into_iter().chain(fields.into_iter().flatten()).collect();
                Value::Object(all)
            })
            .boxed()
    }

    fn others(&self, value: BoxedStrategy<Value>) -> BoxedStrategy<Vec<(String, Value)>> {
        let keys: Vec<String> = ["app", "db", "a"].map(str::to_owned).into_iter().chain(self.words.to_vec()).collect();
        btree_map(select(keys), value, 0..=3).prop_map(|map| map.into_iter().collect()).boxed()
    }

    fn array(&self, schema: &Value, depth: usize) -> BoxedStrategy<Value> {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
        let least = bound("minItems").unwrap_or(0).min(20);
        let most = bound("maxItems").unwrap_or(least + ITEMS).min(least + ITEMS).max(least);
        let item = schema.get("items").map_or(self.string(schema), |items| self.value(items, depth - 1));
        let unique = schema.get("uniqueItems") == Some(&Value::Bool(true));
        vec(item, least as usize..=most as usize)
            .prop_map(move |mut items| {
                if unique {
                    let mut seen = std::collections::BTreeSet::new();
                    items.retain(|item| seen.insert(item.to_string()));
                }
                Value::Array(items)
            })
            .boxed()
    }

    fn string(&self, schema: &Value) -> BoxedStrategy<Value> {
        let bound = |key: &str| schema.get(key).and_then(Value::as_u64).map(|bound| bound as usize);
        let (least, most) = (bound("minLength").unwrap_or(0).min(1_000), bound("maxLength"));
        let fits = move |text: &String| {
            let length = text.chars().count();
            length >= least && most.is_none_or(|most| length <= most)
        };
        // A pattern may match anywhere in a text; the whole text is generated from it.
        let pattern = schema.get("pattern").and_then(Value::as_str);
        let pattern = pattern.map(|pattern| pattern.trim_start_matches('^').trim_end_matches('$'));
        if let Some(made) = pattern.and_then(|pattern| proptest::string::string_regex(pattern).ok()) {
            return made.prop_map(Value::from).boxed();
        }
        let usual = ["a", "", "old", "new", "1Gi", "0", "ReadWriteMany", "é\u{202e}"].map(str::to_owned);
        let mut known: Vec<String> = usual.into_iter().chain(self.words.to_vec()).filter(fits).collect();
        known.push("x".repeat(least));
        known.extend(most.map(|most| "y".repeat(most.min(1_000))));
        select(known).prop_map(Value::from).boxed()
    }
}

fn integer(schema: &Value) -> BoxedStrategy<i64> {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    let least = bound("minimum").or_else(|| bound("exclusiveMinimum")?.checked_add(1)).unwrap_or(-1);
    let most = bound("maximum").or_else(|| bound("exclusiveMaximum")?.checked_sub(1)).unwrap_or(i64::from(u32::MAX));
    let (least, most) = (least.min(most), most.max(least));
    let edges = vec![least, most, least.saturating_add(1).min(most), 0.clamp(least, most), 1.clamp(least, most)];
    prop_oneof![select(edges), least..=most].boxed()
}
