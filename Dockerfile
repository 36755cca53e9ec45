# One image per role: docker build --target proxy . (store, counter, sentinel,
# monitor, all): one static binary, no shell, not root, nothing else inside.
#
# BIN says where the binary comes from. "source" builds it here; "prebuilt" takes
# dist/rootfs.tar, so that nothing has to be pulled and the layers come out the
# same, byte for byte, wherever they are built:
#
#   .ci/release rootfs
#   DOCKER_BUILDKIT=1 docker build --build-arg BIN=prebuilt --target store -t pingd-store .
ARG BIN=source

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION
RUN .ci/release rootfs && mkdir /rootfs && tar -C /rootfs -xf dist/rootfs.tar

FROM scratch AS source
COPY --from=build /rootfs/pingd /pingd
COPY --from=build --chown=65532:65532 /rootfs/data/ /data/

FROM scratch AS prebuilt
ADD dist/rootfs.tar /

# What the images share. The health check is the binary itself. /data belongs to
# the user: an empty volume takes that over.
FROM ${BIN} AS base
ARG VERSION
LABEL org.opencontainers.image.title="pingd" \
	org.opencontainers.image.description="A highly available web stack in one binary" \
	org.opencontainers.image.version="$VERSION"
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
