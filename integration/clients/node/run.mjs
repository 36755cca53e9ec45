// What the two Node.js examples share: the modes that the tests ask for.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// load imports a library from NODE_LIBRARIES, the folder that npm filled.
export async function load(module) {
  const require = createRequire(`${process.env.NODE_LIBRARIES ?? process.cwd()}/`);
  const exports = await import(pathToFileURL(require.resolve(module)).href);
  const { version } = require(`${module}/package.json`);
  return { ...exports.default, ...exports, version };
}

// run does what mode says: the features one after another, or counting until the
// process is told to end.
export async function run(mode, { library, features, increment, end }) {
  if (mode === "features") {
    for (const [name, test] of Object.entries(features)) {
      try {
        await Promise.race([
          test(),
          new Promise((_, reject) => setTimeout(() => reject(new Error("no answer within 20 s")), 20_000).unref()),
        ]);
        console.log("ok", name);
      } catch (e) {
        console.log("fail", name, String(e.message).split("\n").join(" "));
      }
    }
    console.log("library", library);
    await end();
    process.exit(0);
  }
  console.log("library", library);
  for (;;) {
    const next = new Promise((resolve) => setTimeout(resolve, 20));
    try {
      console.log("ack", await increment());
    } catch (e) {
      console.log("err", e.name, String(e.message).split(/[.\n]/)[0]);
    }
    await next;
  }
}
