# The server and the client in one small image, run by an ordinary user.
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
# The commit, for dunder_build_info of /metrics: there is no git here.
ARG GIT_REVISION=
# Registry and target survive between builds; the binary has to leave them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin dunder \
    && cp target/release/dunder /usr/local/bin/dunder

FROM debian:bookworm-slim
# Authorities that verify-full trusts when none is named.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home dunder \
    # Volumes mounted here take over the owner.
    && install -d -o dunder -g dunder /data /tls
COPY --from=build /usr/local/bin/dunder /usr/local/bin/dunder
USER 1000
ENV DUNDER_HOST=0.0.0.0
EXPOSE 9000
ENTRYPOINT ["dunder"]
CMD ["serve"]
