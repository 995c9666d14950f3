//! All metrics at a moment, and their text.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::Histogram;
use super::values::Spread;

/// How metrics are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' text, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => prometheus_text::CONTENT_TYPE,
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Names of labels and their values.
type Labels = Vec<(&'static str, String)>;

/// Metrics as they are collected, by whoever counts, in any order. A name
/// means the same wherever it is written, with labels of the same names.
#[derive(Debug, Default)]
pub struct Page(BTreeMap<&'static str, Family>);

#[derive(Debug)]
struct Family {
    help: &'static str,
    kind: Kind,
    samples: Vec<(Labels, Value)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
enum Value {
    Whole(u64),
    Real(f64),
    Spread(Spread),
}

impl Page {
    /// What counts up; the name ends in `_total`.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        count: u64,
    ) {
        self.add(name, help, Kind::Counter, labels, Value::Whole(count));
    }

    /// The same of what does not come in ones.
    pub fn real_counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        sum: f64,
    ) {
        self.add(name, help, Kind::Counter, labels, Value::Real(sum));
    }

    /// What goes up and down.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        value: f64,
    ) {
        self.add(name, help, Kind::Gauge, labels, Value::Real(value));
    }

    /// How something is spread.
    pub fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &str)],
        histogram: &Histogram,
    ) {
        let spread = Value::Spread(histogram.spread());
        self.add(name, help, Kind::Histogram, labels, spread);
    }

    fn add(
        &mut self,
        name: &'static str,
        help: &'static str,
        kind: Kind,
        labels: &[(&'static str, &str)],
        value: Value,
    ) {
        let family = self.0.entry(name).or_insert_with(|| Family {
            help,
            kind,
            samples: Vec::new(),
        });
        let labels = labels
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        family.samples.push((labels.collect(), value));
    }

    /// The text.
    ///
    /// # Errors
    /// A label cannot be written.
    pub fn write(self, format: Format) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        match format {
            Format::Prometheus => prometheus_text::encode(&mut out, &registry)?,
            Format::OpenMetrics => text::encode(&mut out, &registry)?,
        }
        Ok(out)
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &self.0 {
            let (kind, name) = match family.kind {
                Kind::Counter => (
                    MetricType::Counter,
                    name.strip_suffix("_total").unwrap_or(name),
                ),
                Kind::Gauge => (MetricType::Gauge, *name),
                Kind::Histogram => (MetricType::Histogram, *name),
            };
            let (name, unit) = split_unit(name);
            let help = family.help;
            let mut metric = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for (labels, value) in &family.samples {
                if labels.is_empty() {
                    encode(&mut metric, family.kind, value)?;
                } else {
                    encode(&mut metric.encode_family(labels)?, family.kind, value)?;
                }
            }
        }
        Ok(())
    }
}

/// The unit that a name ends in is told apart from it in OpenMetrics.
fn split_unit(name: &str) -> (&str, Option<Unit>) {
    for unit in [Unit::Seconds, Unit::Bytes] {
        let alone = name.strip_suffix(unit.as_str());
        if let Some(alone) = alone.and_then(|name| name.strip_suffix('_')) {
            return (alone, Some(unit));
        }
    }
    (name, None)
}

fn encode(metric: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Whole(count)) => {
            metric.encode_counter::<NoLabelSet, _, f64>(count, None)
        }
        (Kind::Counter, Value::Real(sum)) => metric.encode_counter::<NoLabelSet, _, f64>(sum, None),
        (_, Value::Whole(value)) => metric.encode_gauge(value),
        (_, Value::Real(value)) => metric.encode_gauge(value),
        (_, Value::Spread(spread)) => {
            metric.encode_histogram::<NoLabelSet>(spread.sum, spread.count, &spread.buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        page.counter("b_total", "Things.", &[("kind", "a\"b\\c\nd")], 3);
        page.gauge("a_bytes", "Room.", &[], 0.5);
        page.counter("b_total", "Things.", &[("kind", "e")], 4);
        let times = Histogram::of_times();
        times.observe(Duration::from_millis(2));
        page.histogram("c_seconds", "Times.", &[], &times);
        page
    }

    #[test]
    fn what_several_wrote_under_a_name_is_together_and_labels_are_quoted() {
        let text = page().write(Format::Prometheus).unwrap();
        let start = "# HELP a_bytes Room.\n# TYPE a_bytes gauge\na_bytes 0.5\n\
            # HELP b_total Things.\n# TYPE b_total counter\n\
            b_total{kind=\"a\\\"b\\\\c\\nd\"} 3\nb_total{kind=\"e\"} 4\n";
        assert!(text.starts_with(start), "{text}");
        for line in [
            "c_seconds_bucket{le=\"0.001\"} 0\n",
            "c_seconds_bucket{le=\"0.0025\"} 1\n",
            "c_seconds_bucket{le=\"+Inf\"} 1\n",
            "c_seconds_sum 0.002\n",
            "c_seconds_count 1\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn openmetrics_names_counters_without_total_says_units_and_has_an_end() {
        let text = page().write(Format::OpenMetrics).unwrap();
        for line in [
            "# TYPE b counter\n",
            "b_total{kind=\"e\"} 4\n",
            "# UNIT c_seconds seconds\n",
            "# UNIT a_bytes bytes\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
