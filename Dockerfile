# The image holds one static file, the certificate authorities and an empty folder for checkpoints.
# There is no shell, no package manager and no root in it: docs/decisions/0002-scratch-image.md.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd ./cmd
COPY internal ./internal
# The time zones are in the program (cmd/processor imports time/tzdata), as scratch has none.
# -trimpath and -buildvcs=false make two builds of the same tree the same bytes.
ARG VERSION=""
ARG COMMIT=""
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/processor ./cmd/processor
RUN install -d -m 0700 /out/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/processor /usr/local/bin/processor
# A new named volume takes the owner of the folder that it covers, so the user below can write to it.
COPY --from=build --chown=65532:65532 /out/state /var/lib/processor
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/processor"]
CMD ["run", "--config", "/etc/processor/processor.yaml"]
