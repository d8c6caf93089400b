# Baton in one image: Node runs the TypeScript as it is, so there is nothing to build.
# What the sandbox needs from the host is in docs/operations.md. For a pinned base, put the digest behind the tag.
FROM node:24-slim

# bubblewrap, socat and ripgrep are the sandbox and its tools; tini reaps the processes agents leave behind.
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap ca-certificates git ripgrep socat tini \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force
COPY LICENSE app.yml ./
COPY workflows ./workflows
COPY src ./src

# Everything Baton writes is in BATON_HOME: the rest of the file system may be read-only, with a tmpfs on /tmp.
RUN install -d -o node -g node -m 0700 /var/lib/baton
ENV HOST=0.0.0.0 PORT=3000 BATON_HOME=/var/lib/baton
VOLUME /var/lib/baton
USER node
EXPOSE 3000

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

ENTRYPOINT ["tini", "--"]
CMD ["node", "src/main.ts", "serve"]
