//! A handler that panics answers 500; the connection and the server live on.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use hyper::Request;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::server::error::ApiError;
use crate::server::response;
use crate::server::response::Answer;

/// The layer.
#[derive(Clone, Copy)]
pub(crate) struct CatchPanicLayer;

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> CatchPanic<S> {
        CatchPanic { inner }
    }
}

/// The service.
#[derive(Clone, Copy)]
pub(crate) struct CatchPanic<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for CatchPanic<S>
where
    S: Service<Request<B>, Response = Answer, Error = Infallible>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Caught<S::Future>;

    fn poll_ready(&mut self, task: &mut Task<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request<B>) -> Caught<S::Future> {
        Caught {
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// Its future.
    pub(crate) struct Caught<F> {
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Answer, Infallible>>> Future for Caught<F> {
    type Output = Result<Answer, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let inner = self.project().inner;
        // What it borrowed from others is behind locks that take a panic for
        // what it is; the future itself is not polled again.
        match catch_unwind(AssertUnwindSafe(|| inner.poll(task))) {
            Ok(polled) => polled,
            Err(_) => Poll::Ready(Ok(response::failed(ApiError::Panicked))),
        }
    }
}
