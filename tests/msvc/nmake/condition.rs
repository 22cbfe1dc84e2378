//! What stands behind `!if`: numbers and texts compared, `defined` and `exist`, put together.

use crate::arguments::here;

/// Whether it holds. Macros are replaced already, but for the names within `defined`.
pub(crate) fn holds(text: &str, is_defined: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let words = words(text)?;
    let mut reader = Reader { words: &words, is_defined };
    let value = reader.any()?;
    match reader.words {
        [] => Ok(value != 0),
        [more, ..] => Err(format!("'{more}' in '{text}'")),
    }
}

fn words(text: &str) -> Result<Vec<String>, String> {
    const SIGNS: [&str; 11] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")"];
    let (mut words, mut rest) = (Vec::new(), text.trim());
    while !rest.is_empty() {
        let length = if let Some(quoted) = rest.strip_prefix('"') {
            quoted.find('"').ok_or("a text without its end")? + 2
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            sign.len()
        } else {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.-\\/:".contains(c)));
            end.filter(|end| *end > 0)
                .or((!rest.contains(' ')).then_some(rest.len()))
                .ok_or(rest)?
        };
        words.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    Ok(words)
}

struct Reader<'a> {
    words: &'a [String],
    is_defined: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_> {
    fn take(&mut self, wanted: &str) -> bool {
        match self.words {
            [first, rest @ ..] if first.eq_ignore_ascii_case(wanted) => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }

    fn any(&mut self) -> Result<i64, String> {
        let mut value = self.all()?;
        while self.take("||") {
            let other = self.all()?;
            value = i64::from(value != 0 || other != 0);
        }
        Ok(value)
    }

    fn all(&mut self) -> Result<i64, String> {
        let mut value = self.one()?;
        while self.take("&&") {
            let other = self.one()?;
            value = i64::from(value != 0 && other != 0);
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<i64, String> {
        let left = self.value()?;
        for (sign, holds) in [
            ("==", i64::eq as fn(&i64, &i64) -> bool),
            ("!=", i64::ne),
            ("<=", i64::le),
            (">=", i64::ge),
            ("<", i64::lt),
            (">", i64::gt),
        ] {
            if self.take(sign) {
                let right = self.value()?;
                return match (left, right) {
                    (Value::Number(left), Value::Number(right)) => Ok(holds(&left, &right).into()),
                    (Value::Text(left), Value::Text(right)) if sign == "==" => {
                        Ok((left == right).into())
                    }
                    (Value::Text(left), Value::Text(right)) if sign == "!=" => {
                        Ok((left != right).into())
                    }
                    _ => Err(format!("'{sign}' between what cannot be compared")),
                };
            }
        }
        match left {
            Value::Number(number) => Ok(number),
            Value::Text(text) => Err(format!("the text '{text}' alone")),
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.take("!") {
            return match self.value()? {
                Value::Number(number) => Ok(Value::Number((number == 0).into())),
                Value::Text(text) => Err(format!("'!' before the text '{text}'")),
            };
        }
        if self.take("(") {
            let value = self.any()?;
            return self.closed(Value::Number(value));
        }
        let defined = self.take("defined");
        if defined || self.take("exist") {
            if !self.take("(") {
                return Err("'defined' or 'exist' without '('".to_owned());
            }
            let name = self.word()?;
            let name = name.trim_matches('"');
            let holds = if defined {
                (self.is_defined)(name)
            } else {
                std::path::Path::new(&here(name)).exists()
            };
            return self.closed(Value::Number(holds.into()));
        }
        let word = self.word()?;
        if let Some(text) = word.strip_prefix('"') {
            return Ok(Value::Text(text.trim_end_matches('"').to_owned()));
        }
        word.parse().map(Value::Number).map_err(|_| format!("'{word}' is neither number nor text"))
    }

    fn word(&mut self) -> Result<String, String> {
        let (first, rest) = self.words.split_first().ok_or("it ends too early")?;
        self.words = rest;
        Ok(first.clone())
    }

    fn closed(&mut self, value: Value) -> Result<Value, String> {
        if self.take(")") { Ok(value) } else { Err("a '(' without its ')'".to_owned()) }
    }
}

enum Value {
    Number(i64),
    Text(String),
}
