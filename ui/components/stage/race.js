// @ts-check
export default mounted(Stage);
