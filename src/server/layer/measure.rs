//! The outermost layer: every request is counted by route, method and status,
//! with the time until the head of its answer, where somebody may ask for it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use hyper::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::metrics::Moment;
use crate::server::metrics::{Observation, RequestMetrics};
use crate::server::response::Answer;

/// The layer.
#[derive(Clone, Copy)]
pub(crate) struct MeasureLayer<'c> {
    /// Where to count, if anywhere, and when the request began.
    pub(crate) metrics: Option<(&'c RequestMetrics, Moment)>,
    /// The line of the request in the table of routes.
    pub(crate) route: Option<usize>,
}

impl<'c, S> Layer<S> for MeasureLayer<'c> {
    type Service = Measure<'c, S>;

    fn layer(&self, inner: S) -> Measure<'c, S> {
        let layer = *self;
        Measure { layer, inner }
    }
}

/// The service.
#[derive(Clone, Copy)]
pub(crate) struct Measure<'c, S> {
    layer: MeasureLayer<'c>,
    inner: S,
}

impl<S, B> Service<Request<B>> for Measure<'_, S>
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Measured<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Measured<S::Future> {
        let MeasureLayer { metrics, route } = self.layer;
        let begin = |(metrics, begun)| Observation::begin(metrics, route, request.method(), begun);
        Measured {
            observation: metrics.map(begin),
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// Its future.
    pub(crate) struct Measured<F> {
        observation: Option<Observation>,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Answer, Infallible>>> Future for Measured<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(answer) = ready!(this.inner.poll(task));
        if let Some(observation) = this.observation {
            observation.end(answer.status());
        }
        Poll::Ready(Ok(answer))
    }
}
