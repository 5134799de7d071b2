FROM node:22-bookworm-slim AS web
WORKDIR /labelcast/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

FROM python:3.11-slim-bookworm AS models
COPY infra/models /labelcast/infra/models
RUN python3 -B /labelcast/infra/models/make.py /out

FROM rust:1-bookworm AS binary
WORKDIR /labelcast
COPY . .
COPY --from=web /labelcast/web/dist web/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/labelcast/target \
    cargo build --locked --release --package labelcast \
    && install -D target/release/labelcast /out/labelcast \
    && install -d -m 0700 /out/data

# No shell, no package manager; the C library and certificates, and a user without rights (65532).
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=binary /out/labelcast /usr/bin/labelcast
# Beside the binary, where it looks for them.
COPY --from=models /out/models /usr/bin/models
COPY --from=binary --chown=65532:65532 /out/data /data
ENV LABELCAST_DATA=/data
VOLUME /data
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/usr/bin/labelcast"]
# Published on this machine only: docker run -p 127.0.0.1:8080:8080 -v labelcast:/data labelcast
CMD ["serve", "--listen", "0.0.0.0:8080", "--behind-proxy", "--public-url", "http://127.0.0.1:8080"]
