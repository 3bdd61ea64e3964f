//! Media types of GraphQL over HTTP and what a client accepts of them.

use ::http::HeaderMap;
use ::http::header::{ACCEPT, CONTENT_TYPE};

/// What an endpoint can answer with, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`.
    GraphqlResponse,
    /// `application/json`.
    Json,
    /// `text/event-stream`: GraphQL over SSE.
    EventStream,
    /// `multipart/mixed` with `subscriptionSpec=1.0`: Apollo's multipart subscriptions.
    Multipart,
    /// `text/html`: the page for people.
    Html,
}

impl Media {
    pub(super) const RESPONSES: [Self; 2] = [Self::GraphqlResponse, Self::Json];
    pub(super) const STREAMS: [Self; 2] = [Self::EventStream, Self::Multipart];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
            Self::EventStream => "text/event-stream",
            Self::Multipart => "multipart/mixed",
            Self::Html => "text/html",
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream; charset=utf-8",
            Self::Multipart => r#"multipart/mixed; boundary="graphql"; subscriptionSpec="1.0""#,
            Self::Html => "text/html; charset=utf-8",
        }
    }

    pub(super) const fn is_stream(self) -> bool {
        matches!(self, Self::EventStream | Self::Multipart)
    }

    /// The offered type that the client likes best (RFC 9110, section 12.5.1); `None` if it
    /// accepts none of them. Between equals what it names beats what a `*` covers, then the
    /// first offered. No `*` covers a stream, which a client has to know of.
    pub(super) fn negotiate(headers: &HeaderMap, offered: &[Self]) -> Option<Self> {
        if !headers.contains_key(ACCEPT) {
            let mut offered = offered.iter().copied();
            return offered.find(|media| !media.is_stream());
        }
        let mut best = None;
        for &media in offered {
            let rank = headers
                .get_all(ACCEPT)
                .iter()
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .filter_map(|range| Range::parse(range)?.rank(media))
                .max_by_key(|rank| rank.specificity)
                .filter(|rank| rank.quality > 0);
            if let Some(rank) = rank
                && best.is_none_or(|(_, other)| rank > other)
            {
                best = Some((media, rank));
            }
        }
        best.map(|(media, _)| media)
    }
}

/// How well a range covers a type; compared in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// In thousandths.
    quality: u16,
    specificity: u8,
}

/// One media range of an `Accept` header.
struct Range<'h> {
    name: &'h str,
    /// Whether parts of this type may be those of Apollo's subscriptions: it says so, or does not
    /// say of which protocol they are (`subscriptionSpec`, `deferSpec`, `incrementalSpec`).
    takes_subscriptions: bool,
    quality: u16,
}

impl<'h> Range<'h> {
    fn parse(text: &'h str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let takes_subscriptions = parts.clone().all(|part| {
            let (key, version) = part.split_once('=').unwrap_or((part, ""));
            let (key, version) = (key.trim().to_ascii_lowercase(), version.trim());
            !key.ends_with("spec")
                || (key == "subscriptionspec" && version.trim_matches('"') == "1.0")
        });
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(Some(1.0), |quality| quality.parse::<f32>().ok())
            .filter(|quality| (0.0..=1.0).contains(quality))?;
        // Between 0 and 1000 by the filter.
        let quality = (quality * 1000.0) as u16;
        Some(Self {
            name,
            takes_subscriptions,
            quality,
        })
    }

    fn rank(&self, media: Media) -> Option<Rank> {
        if media == Media::Multipart && !self.takes_subscriptions {
            return None;
        }
        let kind = media.name().split('/').next();
        let specificity = match self.name {
            name if media.is_stream() && !name.eq_ignore_ascii_case(media.name()) => return None,
            name if name.eq_ignore_ascii_case(media.name()) => 2,
            name if name
                .strip_suffix("/*")
                .is_some_and(|name| name != "*" && Some(name) == kind) =>
            {
                1
            }
            "*/*" => 0,
            _ => return None,
        };
        Some(Rank {
            quality: self.quality,
            specificity,
        })
    }
}

/// Whether the request's body says it is JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|name| name.trim().eq_ignore_ascii_case(Media::Json.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        Media::negotiate(&headers, &Media::RESPONSES)
    }

    #[test]
    fn the_best_accepted_type_is_chosen() {
        use Media::{GraphqlResponse, Json};
        for (accept, media) in [
            ("application/json", Some(Json)),
            ("application/graphql-response+json", Some(GraphqlResponse)),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(GraphqlResponse),
            ),
            (
                "application/json, application/graphql-response+json;q=0.5",
                Some(Json),
            ),
            ("application/json, text/plain, */*", Some(Json)),
            ("*/*", Some(GraphqlResponse)),
            ("application/*;q=0.8", Some(GraphqlResponse)),
            ("APPLICATION/JSON ; Q=0.3", Some(Json)),
            ("application/graphql-response+json;q=0, */*", Some(Json)),
            ("text/html", None),
            ("application/json;q=0", None),
            ("application/json;q=nonsense", None),
        ] {
            assert_eq!(negotiated(accept), media, "{accept}");
        }
        for accept in [
            "*/*",
            "text/*",
            "multipart/*",
            "multipart/mixed;deferSpec=20220824",
            "multipart/mixed;incrementalSpec=v0.2",
            "multipart/mixed;subscriptionSpec=2.0",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(
                Media::negotiate(&headers, &Media::STREAMS),
                None,
                "{accept}"
            );
        }
        for (accept, media) in [
            ("text/event-stream", Media::EventStream),
            (
                "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json",
                Media::Multipart,
            ),
            (
                "multipart/mixed; subscriptionSpec=\"1.0\", application/json",
                Media::Multipart,
            ),
            ("text/event-stream, multipart/mixed", Media::EventStream),
            ("multipart/mixed", Media::Multipart),
            ("multipart/mixed;boundary=graphql", Media::Multipart),
            (
                "text/event-stream;q=0.5, multipart/mixed;subscriptionSpec=1.0",
                Media::Multipart,
            ),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(
                Media::negotiate(&headers, &Media::STREAMS),
                Some(media),
                "{accept}"
            );
        }
        let silent = Media::negotiate(&HeaderMap::new(), &Media::RESPONSES);
        assert_eq!(silent, Some(GraphqlResponse));
    }
}
