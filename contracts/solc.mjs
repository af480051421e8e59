// Reads standard JSON on stdin and answers as the solc binary would, with the solc of
// ../hardhat-free-devnet: no compiler is downloaded.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const devnet = new URL("../hardhat-free-devnet/package.json", import.meta.url);
const solc = createRequire(devnet)("solc");
if (process.argv.includes("--version")) {
  // Foundry parses "Version: x.y.z+commit.h"; solc-js reports exactly that string.
  console.log("solc, the solidity compiler commandline interface\nVersion: " + solc.version());
} else {
  process.stdout.write(solc.compile(readFileSync(0, "utf8")));
}
