// @ts-check
export default mounted(DissectedStage);
