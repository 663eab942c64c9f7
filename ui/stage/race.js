export default mounted(Stage);
