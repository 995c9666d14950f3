//! Which requests are traced.

/// Chooses requests by their traces, and by what their clients chose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// What becomes of a trace that a client began.
    pub parent: ParentRule,
    /// Of all others, from 0 to 1.
    pub ratio: f64,
}

/// What is made of a client's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParentRule {
    /// Nothing.
    Ignored,
    /// It is ours as well.
    Believed,
    /// What it traces is traced here; what it does not is chosen like any
    /// other.
    BelievedIfSampled,
}

impl Sampler {
    /// So many of all requests, and all that a client traces.
    pub fn of_ratio(ratio: f64) -> Sampler {
        Sampler {
            parent: ParentRule::BelievedIfSampled,
            ratio,
        }
    }

    /// The same, reckoned once for all requests.
    pub(super) fn chosen(&self) -> Chosen {
        const ALL: u64 = 1 << 63;
        Chosen {
            parent: self.parent,
            below: (self.ratio.clamp(0.0, 1.0) * ALL as f64) as u64,
        }
    }
}

/// Which requests a sampler chooses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) parent: ParentRule,
    /// As the SDKs of OpenTelemetry have it: of the lower half of a trace's
    /// id, the upper 63 bits have to be below. So of one trace, in every
    /// program with the same ratio, all requests are traced or none.
    below: u64,
}

impl Chosen {
    /// Whether a request is traced, by the lower half of the id of its trace
    /// and what its client chose.
    pub(super) fn has(&self, lower: u64, is_sampled: Option<bool>) -> bool {
        match (self.parent, is_sampled) {
            (ParentRule::Believed, Some(is_sampled)) => is_sampled,
            (ParentRule::BelievedIfSampled, Some(true)) => true,
            (ParentRule::Ignored, _) | (ParentRule::BelievedIfSampled, _) | (_, None) => {
                lower >> 1 < self.below
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::context::random;

    #[test]
    fn a_ratio_chooses_about_so_many() {
        let chosen = |ratio| {
            let chosen = Sampler::of_ratio(ratio).chosen();
            let traces = (0..100_000).map(|_| random());
            traces.filter(|trace| chosen.has(*trace, None)).count()
        };
        assert_eq!((chosen(0.0), chosen(1.0)), (0, 100_000));
        let some = chosen(0.01);
        assert!((700..1_300).contains(&some), "{some}");
    }

    #[test]
    fn what_a_client_chose_counts_as_the_rule_says() {
        let (none, all) = (0.0, 1.0);
        for (parent, ratio, is_sampled, is_traced) in [
            (ParentRule::Ignored, none, Some(true), false),
            (ParentRule::Ignored, all, Some(false), true),
            (ParentRule::Believed, none, Some(true), true),
            (ParentRule::Believed, all, Some(false), false),
            (ParentRule::Believed, all, None, true),
            (ParentRule::BelievedIfSampled, none, Some(true), true),
            (ParentRule::BelievedIfSampled, none, Some(false), false),
            (ParentRule::BelievedIfSampled, all, Some(false), true),
        ] {
            let chosen = Sampler { parent, ratio }.chosen();
            let found = chosen.has(random(), is_sampled);
            assert_eq!(found, is_traced, "{parent:?} {ratio} {is_sampled:?}");
        }
    }
}
