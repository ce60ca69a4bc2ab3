// For `@hey-api/openapi-ts`: its own default leaves out the extensions that Node needs.
export default {
  output: { path: "hey", importFileExtension: ".js" },
  plugins: ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"],
};
