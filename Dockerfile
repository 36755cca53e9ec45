# One image per role: docker build --target proxy . (store, counter, sentinel,
# monitor, all). The binary comes from the stage that BIN names: "source" builds
# it here, "prebuilt" takes dist/pingd, so that nothing has to be pulled:
#
#   CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o dist/pingd ./cmd/pingd
#   DOCKER_BUILDKIT=1 docker build --build-arg BIN=prebuilt --target store -t pingd-store .
ARG BIN=source

FROM golang:1.26 AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o /dist/pingd ./cmd/pingd

FROM scratch AS prebuilt
COPY dist/pingd /dist/pingd

FROM ${BIN} AS bin

# What the images share. The health check is the binary itself: there is no shell.
# A copied file makes /data belong to the user; an empty volume takes that over.
FROM scratch AS base
COPY --from=bin /dist/pingd /pingd
COPY --chown=65532:65532 .dockerignore /data/.keep
USER 65532:65532
WORKDIR /data
ENV PINGD_DATA=/data PINGD_BIND=0.0.0.0
HEALTHCHECK --interval=2s --timeout=2s --start-period=20s --retries=3 CMD ["/pingd", "health"]
ENTRYPOINT ["/pingd"]

FROM base AS store
ENV PINGD_ROLE=store
VOLUME /data
EXPOSE 6379 16379 26379 19999

FROM base AS counter
ENV PINGD_ROLE=counter
EXPOSE 8000 19999

FROM base AS proxy
ENV PINGD_ROLE=proxy
EXPOSE 8080 19999

FROM base AS sentinel
ENV PINGD_ROLE=sentinel
EXPOSE 26379 19999

FROM base AS monitor
ENV PINGD_ROLE=monitor
VOLUME /data
EXPOSE 19999

FROM base AS all
ENV PINGD_ROLE=all
VOLUME /data
EXPOSE 8080 6379 16379 26379 19999
