package deploy

import (
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// kustomization is what our kustomization files use; the strict decoder refuses anything else.
type kustomization struct {
	metav1.TypeMeta `json:",inline"`
	Namespace       string   `json:"namespace"`
	Resources       []string `json:"resources"`
	Components      []string `json:"components,omitempty"`
	Labels          []struct {
		Pairs map[string]string `json:"pairs"`
	} `json:"labels,omitempty"`
	Patches []struct {
		Path   string            `json:"path,omitempty"`
		Patch  string            `json:"patch,omitempty"`
		Target map[string]string `json:"target,omitempty"`
	} `json:"patches,omitempty"`
	ConfigMapGenerator []struct {
		Name  string   `json:"name"`
		Files []string `json:"files"`
	} `json:"configMapGenerator,omitempty"`
}

// podMonitor and prometheusRule are the fields that we use of the Prometheus operator's resources, under the
// names of its API; the strict decoder refuses a misspelt one.
type podMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		JobLabel            string               `json:"jobLabel"`
		Selector            metav1.LabelSelector `json:"selector"`
		PodMetricsEndpoints []struct {
			Port          string `json:"port"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			ScrapeTimeout string `json:"scrapeTimeout"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type prometheusRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              ruleFile `json:"spec"`
}

// Every file is named by its kustomization and every name has its file: one that is not named is never applied.
func TestKustomizationsNameEveryFile(t *testing.T) {
	for _, file := range slices.Concat(glob(t, "deploy/k8s/*/kustomization.yaml"), glob(t, "deploy/k8s/components/*/kustomization.yaml")) {
		folder, k := path.Dir(file), new(kustomization)
		if err := yaml.UnmarshalStrict(read(t, file), k); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		named := slices.Concat([]string{"kustomization.yaml"}, k.Resources, k.Components)
		for _, patch := range k.Patches {
			if patch.Path != "" {
				named = append(named, patch.Path)
			}
		}
		for _, generator := range k.ConfigMapGenerator {
			named = append(named, generator.Files...)
		}
		for _, name := range named {
			if !exists(path.Join(folder, name)) {
				t.Errorf("%s names %s, which is not there", file, name)
			}
		}
		for _, beside := range glob(t, folder+"/*") {
			if !slices.Contains(named, path.Base(beside)) {
				t.Errorf("%s does not name %s", file, path.Base(beside))
			}
		}
		if k.Namespace != "expansion" {
			t.Errorf("%s puts the resources into %q, not into the namespace that base creates", file, k.Namespace)
		}
	}
	for _, overlay := range overlays {
		if !exists("deploy/k8s/" + overlay + "/kustomization.yaml") {
			t.Errorf("deploy/k8s/%s is gone", overlay)
		}
	}
}

// A selector that matches nothing is no error to Kubernetes: the service is empty, the policy guards nobody.
func TestSelectorsMatchThePods(t *testing.T) {
	for _, overlay := range overlays {
		set := get[appsv1.StatefulSet](t, overlay, "StatefulSet")
		labels := set.Spec.Template.Labels
		selectors := map[string]map[string]string{
			"statefulset":         set.Spec.Selector.MatchLabels,
			"service":             get[corev1.Service](t, overlay, "Service").Spec.Selector,
			"poddisruptionbudget": get[policyv1.PodDisruptionBudget](t, overlay, "PodDisruptionBudget").Spec.Selector.MatchLabels,
			"networkpolicy":       get[networkingv1.NetworkPolicy](t, overlay, "NetworkPolicy").Spec.PodSelector.MatchLabels,
		}
		for i, spread := range set.Spec.Template.Spec.TopologySpreadConstraints {
			selectors["spread over "+spread.TopologyKey] = set.Spec.Template.Spec.TopologySpreadConstraints[i].LabelSelector.MatchLabels
		}
		for _, monitor := range all[podMonitor](t, overlay, "PodMonitor") {
			selectors["podmonitor"] = monitor.Spec.Selector.MatchLabels
			// The alert rules say job="processor".
			if job := labels[monitor.Spec.JobLabel]; job != "processor" {
				t.Errorf("the pod monitor makes the job %q, the alert rules want processor", job)
			}
			if port := monitor.Spec.PodMetricsEndpoints[0].Port; port != set.Spec.Template.Spec.Containers[0].Ports[0].Name {
				t.Errorf("the pod monitor scrapes the port %q, which the pod does not have", port)
			}
		}
		for name, selector := range selectors {
			if len(selector) == 0 {
				t.Errorf("%s: the %s selects every pod of the namespace", overlay, name)
			}
			for key, value := range selector {
				if labels[key] != value {
					t.Errorf("%s: the %s wants %s=%s, the pods have %q", overlay, name, key, value, labels[key])
				}
			}
		}
	}
}

func TestTheServiceNamesEachPod(t *testing.T) {
	for _, overlay := range overlays {
		set, service := get[appsv1.StatefulSet](t, overlay, "StatefulSet"), get[corev1.Service](t, overlay, "Service")
		if set.Spec.ServiceName != service.Name || service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses {
			t.Errorf("%s: serviceName %q, service %s with cluster IP %q: want a headless one that names pods that restore too",
				overlay, set.Spec.ServiceName, service.Name, service.Spec.ClusterIP)
		}
		if budget := get[policyv1.PodDisruptionBudget](t, overlay, "PodDisruptionBudget"); budget.Spec.MinAvailable != nil || budget.Spec.MaxUnavailable.IntValue() != 1 {
			t.Errorf("%s: the disruption budget blocks every drain of the node, or none", overlay)
		}
	}
}

func TestSingleKeepsItsCheckpoints(t *testing.T) {
	set := get[appsv1.StatefulSet](t, "single", "StatefulSet")
	if *set.Spec.Replicas != 1 {
		t.Errorf("%d replicas: the dir store has one writer", *set.Spec.Replicas)
	}
	kept := set.Spec.PersistentVolumeClaimRetentionPolicy
	if kept.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType || kept.WhenScaled != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Errorf("the volume goes away with the set: %+v", kept)
	}
	mounts, config := mountsOf(set), string(read(t, "deploy/k8s/single/processor.yaml"))
	claim := set.Spec.VolumeClaimTemplates[0].Name
	if mounts[claim] == "" || !strings.Contains(config, "\n  dir: "+mounts[claim]+"\n") {
		t.Errorf("the volume is mounted at %q, checkpoint.dir of processor.yaml is elsewhere", mounts[claim])
	}
}

// The pod reads the file that the ConfigMap holds, and the program takes it with the variables that the pod has.
func TestPodsRunTheConfiguration(t *testing.T) {
	for _, overlay := range overlays {
		set, config := get[appsv1.StatefulSet](t, overlay, "StatefulSet"), get[corev1.ConfigMap](t, overlay, "ConfigMap")
		var volume string
		for _, v := range set.Spec.Template.Spec.Volumes {
			if v.ConfigMap != nil && v.ConfigMap.Name == config.Name {
				volume = v.Name
			}
		}
		want := []string{"run", "--config", mountsOf(set)[volume] + "/processor.yaml"}
		if args := set.Spec.Template.Spec.Containers[0].Args; !slices.Equal(args, want) {
			t.Errorf("%s: the pod runs %v, want %v", overlay, args, want)
		}
		file := "deploy/k8s/" + map[bool]string{true: "single", false: "scaled"}[len(set.Spec.VolumeClaimTemplates) > 0] + "/processor.yaml"
		if config.Data["processor.yaml"] != string(read(t, file)) {
			t.Errorf("%s: the ConfigMap is not %s", overlay, file)
		}
		validate(t, file, environment(t, set)...)
	}
}

func mountsOf(set *appsv1.StatefulSet) map[string]string {
	mounts := map[string]string{}
	for _, mount := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	return mounts
}
