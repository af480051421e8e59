// Finishes package-lock.json after `npm install --package-lock-only`; run both by `npm run lock`.
// 1. `funding` members go: they are web addresses, and the lock names no host.
// 2. Binaries of platforms that the mirror at hand does not serve are entered by version and
//    platform, without a hash: `npm ci` refuses a lock that lacks an optional dependency, even one
//    for another platform. Such an entry is installed on its own platform only.
import { readFileSync, writeFileSync } from "node:fs";

const CPU = { amd64: "x64", arm64: "arm64" };
const file = new URL("package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file));
for (const entry of Object.values(lock.packages)) {
  delete entry.funding;
}
for (const tool of ["anvil", "forge"]) {
  const { version, optionalDependencies } = lock.packages[`node_modules/@foundry-rs/${tool}`];
  for (const name of Object.keys(optionalDependencies)) {
    const [, os, cpu] = name.match(/-(\w+)-(\w+)$/);
    lock.packages[`node_modules/${name}`] ??= {
      version,
      cpu: [CPU[cpu]],
      dev: true,
      optional: true,
      os: [os],
    };
  }
}
const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
lock.packages = Object.fromEntries(sorted);
writeFileSync(file, JSON.stringify(lock, null, 2) + "\n");
